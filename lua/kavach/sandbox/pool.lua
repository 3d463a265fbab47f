--- Pools: sandboxes that are ready before anybody asks for them.
---
---   local pool <close> = kavach.pool { size = 4, sandbox = { memory_limit_mb = 256 } }
---   local box <close> = assert(pool:take())
---   print(box:exec("uname -a").stdout)
---
--- Where guests can be saved they are copies of a template; of sev-snp guests, each has booted. One
--- that dies while it waits is replaced, and so is one that has waited for too long.

local check = require "kavach.check"
local config = require "kavach.sandbox.config"
local core = require "kavach.core"
local err = require "kavach.err"
local scheduler = require "kavach.task.scheduler"
local waiters = require "kavach.sandbox.waiters"

local M = {}

local HOUR_MS <const> = 3600 * 1000
-- What is kept free for all else, of the memory that the machine has left.
local SHARE <const> = 0.5
-- How long after a start that failed the next one waits: twice as long each time, up to a minute.
local RETRY_MS <const>, RETRY_MOST_MS <const> = 500, 60000
-- How long the next start leaves the machine to whoever has taken one.
local REFILL_MS <const> = 20
-- What a guest that waits does first, so that its user's first command is as quick as a later one:
-- an emulator has translated by then what runs a command, and what answers when it is taken.
local WARM_UP <const>, WARM_UP_MS <const> = { "true", { "true" }, "true", { "true" } }, 10000

local OPTIONS = {
  size = { type = "integer", min = 1, max = 1000, default = 2 },
  starting = { type = "integer", min = 1, max = 64, default = 1 },
  max_age_ms = { type = "integer", min = 0, default = HOUR_MS },
  memory_mb = { type = "integer", min = 1 },
  sandbox = { type = "table", default = {} },
}

---@class kavach.Pool
---@field size integer how many are to wait
local Pool = {}
Pool.__index = Pool
Pool.__name = "kavach.Pool"

-- ---- how many ----------------------------------------------------------------------------------

local function available_mb()
  local file <close> = io.open("/proc/meminfo", "rb")
  local kib = file and (file:read "a" or ""):match "MemAvailable:%s*(%d+) kB"
  return kib and tonumber(kib) // 1024 or math.maxinteger
end

-- So many as are asked for, or as fit.
local function fitting(options, each_mb)
  local budget = options.memory_mb or math.floor(available_mb() * SHARE)
  local fit = budget // each_mb
  if fit >= 1 then return math.min(options.size, fit) end
  return err.fail("invalid_argument", ("pool: memory_mb = %d: a sandbox of %d MiB does not fit")
    :format(budget, each_mb), { op = "pool" })
end

-- ---- those that wait ---------------------------------------------------------------------------

-- Calls fn(pool) later, if somebody still has the pool then: one that nobody has is collected, and
-- what waits in it with it.
local function weakly(self, fn)
  local held = setmetatable({ pool = self }, { __mode = "v" })
  return function()
    local pool = held.pool
    if pool and not pool.closed then fn(pool) end
  end
end

local function usable(box)
  return box:state() == "running"
end

-- What goes on beside whatever the pool's user does. To close the pool is to wait for it.
local function beside(self, fn, ...)
  local job
  local function run(...)
    pcall(fn, self, ...)
    self.jobs[job] = nil
  end
  job = scheduler.background(run, ...)
  self.jobs[job] = true
  return job
end

local function destroy(_, box) box:destroy() end

-- Lets go of those that have died or grown old. When the next one does, somebody looks again.
local function sweep(self)
  local now, kept = core.now(), {}
  for _, entry in ipairs(self.waiting) do
    local old = self.max_age_ms > 0 and now - entry.since >= self.max_age_ms
    if usable(entry.box) and not old then
      kept[#kept + 1] = entry
    else
      beside(self, destroy, entry.box)
    end
  end
  self.waiting = kept
  if self.timer then self.timer:close() end
  self.timer = nil
  local first = kept[1]
  if first and self.max_age_ms > 0 then
    self.timer = core.timer(math.max(first.since + self.max_age_ms - now, 1),
      weakly(self, self.fill))
  end
end

-- Looks in a while, and not right now: in a callback of what has just ended, or ahead of the first
-- command of whoever has taken one, with which the start of the next would compete.
local function fill_soon(self, ms)
  if self.soon then return end
  self.soon = core.timer(ms, weakly(self, function(pool)
    pool.soon = nil
    pool:fill()
  end))
end

local function add(self, box)
  self.waiting[#self.waiting + 1] = { box = box, since = core.now() }
  self.failed, self.failures = nil, 0
  local vm = box.vm
  vm.changed:watch(weakly(self, function(pool)
    if vm.state ~= "running" then fill_soon(pool, 0) end
  end))
end

-- Starts one that waits until somebody takes it.
local function start(self)
  local box, why = require("kavach.sandbox").new(self.options)
  if not box then return nil, why end
  local waits = false
  local _ <close> = setmetatable({}, { __close = function()
    if not waits then box:destroy() end
  end })
  for _, command in ipairs(WARM_UP) do
    -- What is measured runs only its own command, and some root may have no shell: that is no harm.
    if not box.config.measured then box:exec(command, { timeout_ms = WARM_UP_MS }) end
    box:health_check()
  end
  if not usable(box) then
    return nil, box.vm.cause or err.new("creation_failed", "it ended as soon as it ran")
  end
  waits = not self.closed
  if waits then add(self, box) end
  return true
end

local function start_one(self)
  local finished, ok, why = pcall(start, self)
  self.starting = self.starting - 1
  if not finished then ok, why = nil, err.new("creation_failed", tostring(ok), { op = "pool" }) end
  if not ok and not self.closed then
    self.failures, self.failed = self.failures + 1, why
    self.failed_starts = self.failed_starts + 1
    local pause = math.min(RETRY_MS << math.min(self.failures - 1, 10), RETRY_MOST_MS)
    if self.retry then self.retry:close() end
    self.retry = core.timer(pause, weakly(self, function(pool)
      pool.retry = nil
      pool:fill()
    end))
  end
  self.changed:wake()
  self:fill()
end

---Replaces what is missing, beside whatever else goes on.
function Pool:fill()
  if self.closed then return end
  sweep(self)
  while #self.waiting + self.starting < self.size and self.starting < self.starts
    and not self.retry do
    self.starting = self.starting + 1
    beside(self, start_one)
  end
end

-- ---- what its user does ------------------------------------------------------------------------

-- The one that has waited longest, if it still answers. It belongs to nobody while it is asked.
local function next_one(self)
  while #self.waiting > 0 do
    local box = table.remove(self.waiting, 1).box
    fill_soon(self, REFILL_MS)
    local finished, healthy = pcall(box.health_check, box)
    if finished and healthy and not self.closed then return box end
    beside(self, destroy, box)
    if not finished then error(healthy, 0) end
  end
end

---Takes a sandbox out of the pool, which then belongs to the caller. If none is ready, waits for
---the next one.
---@param ms? integer at most so long (and a second for each that is there and does not answer)
---@return kavach.Sandbox? box
---@return kavach.Error? err
function Pool:take(ms)
  if ms ~= nil and (math.type(ms) ~= "integer" or ms < 0) then
    error(("take: ms must be an integer of 0 or more, got %s"):format(tostring(ms)), 2)
  end
  local deadline = ms and core.now() + ms
  while not self.closed do
    local box = next_one(self)
    if box then return box end
    self:fill()
    local failed = self.failed_starts
    local woken = self.changed:until_true(function()
      return #self.waiting > 0 or self.closed or self.failed_starts > failed
    end, deadline)
    if not woken then
      return err.fail("timeout", ("no sandbox was ready within %d ms"):format(ms), { op = "pool" })
    end
    if #self.waiting == 0 and self.failed then return nil, self.failed end
  end
  return err.fail("invalid_transition", "the pool is closed", { op = "pool" })
end

---@class kavach.PoolStats
---@field size integer how many are to wait
---@field ready integer how many do
---@field starting integer how many will
---@field failures integer starts that failed, one after the other, up to now
---@field why? kavach.Error why the last of those failed

---@return kavach.PoolStats
function Pool:stats()
  return {
    size = self.size, ready = #self.waiting, starting = self.starting,
    failures = self.failures, why = self.failed,
  }
end

-- Waits until nothing goes on beside. A task that is called off leaves that to itself.
local function settle(self)
  local job = next(self.jobs)
  while job do
    job:await()
    self.jobs[job] = nil
    job = next(self.jobs)
  end
end

-- One that is left would have the loop wait for it.
local function stop_timers(self)
  for _, name in ipairs { "timer", "retry", "soon" } do
    if self[name] then self[name]:close() end
  end
end

---Ends those that wait, and those that are being started. What was taken stays its taker's.
---@return boolean true
function Pool:close()
  if not self.closed then
    self.closed = true
    stop_timers(self)
    for job in next, self.jobs do job:cancel "the pool was closed" end
    for _, entry in ipairs(self.waiting) do beside(self, destroy, entry.box) end
    self.waiting = {}
    self.changed:wake()
  end
  settle(self)
  return true
end

Pool.__close = Pool.close

function Pool:__gc()
  self.closed = true
  stop_timers(self)
  for _, entry in ipairs(self.waiting) do entry.box.vm:abandon() end
end

---Makes a pool, which begins to fill.
---
---Options: `size`: how many are to wait (2); `sandbox`: their options, as for kavach.sandbox;
---`max_age_ms`: one that has waited for so long is replaced (an hour; 0: never); `memory_mb`: fewer
---wait if the memory limits of `size` of them were more (half of what the machine has left);
---`starting`: how many start at a time (1).
---@param options table?
---@return kavach.Pool? pool
---@return kavach.Error?
function M.new(options)
  options = check.table(OPTIONS, options, "pool", 2)
  if options.sandbox.name ~= nil then
    error("pool: sandbox.name: those that wait cannot all be called the same: leave it out", 2)
  end
  local checked, why = config.check(options.sandbox, 2)
  if not checked then return nil, why end
  local size
  size, why = fitting(options, checked.memory_limit_mb)
  if not size then return nil, why end
  local self = setmetatable({
    options = options.sandbox, size = size, starts = options.starting,
    max_age_ms = options.max_age_ms, waiting = {}, starting = 0, failures = 0, failed_starts = 0,
    changed = waiters.new(), jobs = {},
  }, Pool)
  self:fill()
  return self
end

return M
