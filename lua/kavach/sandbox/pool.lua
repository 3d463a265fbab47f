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
local keeper = require "kavach.sandbox.pool.keeper"
local meminfo = require "kavach.meminfo"
local waiters = require "kavach.sandbox.waiters"

local M = {}

local HOUR_MS <const> = 3600 * 1000
-- What is kept free for all else, of the memory that the machine has left.
local SHARE <const> = 0.5

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
M.class = Pool -- by which the prompt knows its objects

-- ---- how many ----------------------------------------------------------------------------------

-- So many as are asked for, or as fit.
local function fitting(options, each_mb)
  local free = meminfo "MemAvailable" or math.maxinteger
  local budget = options.memory_mb or math.floor(free * SHARE)
  local fit = budget // each_mb
  if fit >= 1 then return math.min(options.size, fit) end
  return err.fail("invalid_argument", ("pool: memory_mb = %d: a sandbox of %d MiB does not fit")
    :format(budget, each_mb), { op = "pool" })
end

-- ---- what its user does ------------------------------------------------------------------------

-- The one that has waited longest, if it still answers. It belongs to nobody while it is asked.
local function next_one(self)
  while #self.waiting > 0 do
    local box = table.remove(self.waiting, 1).box
    keeper.refill(self)
    local finished, healthy = pcall(box.health_check, box)
    if finished and healthy and not self.closed then return box end
    keeper.discard(self, box)
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
    keeper.fill(self)
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

---Ends those that wait, and those that are being started. What was taken stays its taker's.
---@return boolean true
function Pool:close()
  if not self.closed then
    self.closed = true
    keeper.stop(self)
    for job in next, self.jobs do job:cancel "the pool was closed" end
    for _, entry in ipairs(self.waiting) do keeper.discard(self, entry.box) end
    self.waiting = {}
    self.changed:wake()
  end
  settle(self)
  return true
end

Pool.__close = Pool.close

function Pool:__gc()
  self.closed = true
  keeper.stop(self)
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
  keeper.fill(self)
  return self
end

return M
