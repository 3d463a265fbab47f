-- Keeps a pool full: starts what is missing, lets go of what has died or grown old, and tries again
-- later where a start failed. What it knows stands in the pool, which its user has: pool.lua.

local core = require "kavach.core"
local err = require "kavach.err"
local scheduler = require "kavach.task.scheduler"

local keeper = {}

-- How long after a start that failed the next one waits: twice as long each time, up to a minute.
local RETRY_MS <const>, RETRY_MOST_MS <const> = 500, 60000
-- How long the next start leaves the machine to whoever has taken one.
local REFILL_MS <const> = 20
-- What a guest that waits does first, so that its user's first command is as quick as a later one:
-- an emulator has translated by then what runs a command, and what answers when it is taken.
local WARM_UP <const>, WARM_UP_MS <const> = { "true", { "true" }, "true", { "true" } }, 10000

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
end

local function destroy(_, box) box:destroy() end

---Ends one that waits no more, beside whatever else goes on.
---@param self kavach.Pool
---@param box kavach.Sandbox
function keeper.discard(self, box) beside(self, destroy, box) end

-- Lets go of those that have died or grown old. When the next one does, somebody looks again.
local function sweep(self)
  local now, kept = core.now(), {}
  for _, entry in ipairs(self.waiting) do
    local old = self.max_age_ms > 0 and now - entry.since >= self.max_age_ms
    if usable(entry.box) and not old then
      kept[#kept + 1] = entry
    else
      keeper.discard(self, entry.box)
    end
  end
  self.waiting = kept
  if self.timer then self.timer:close() end
  self.timer = nil
  local first = kept[1]
  if first and self.max_age_ms > 0 then
    self.timer = core.timer(math.max(first.since + self.max_age_ms - now, 1),
      weakly(self, keeper.fill))
  end
end

-- Looks in a while, and not right now.
local function fill_soon(self, ms)
  if self.soon then return end
  self.soon = core.timer(ms, weakly(self, function(pool)
    pool.soon = nil
    keeper.fill(pool)
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
      keeper.fill(pool)
    end))
  end
  self.changed:wake()
  keeper.fill(self)
end

---Replaces what is missing, beside whatever else goes on.
---@param self kavach.Pool
function keeper.fill(self)
  if self.closed then return end
  sweep(self)
  while #self.waiting + self.starting < self.size and self.starting < self.starts
    and not self.retry do
    self.starting = self.starting + 1
    beside(self, start_one)
  end
end

---Replaces it in a moment: the start would compete with the first command of whoever has taken one.
---@param self kavach.Pool
function keeper.refill(self) fill_soon(self, REFILL_MS) end

---Nothing happens by itself any more. A timer that is left would have the loop wait for it.
---@param self kavach.Pool
function keeper.stop(self)
  for _, name in ipairs { "timer", "retry", "soon" } do
    if self[name] then self[name]:close() end
  end
end

return keeper
