-- Tasks that wait for something to change. Whoever changes it calls wake(); each waiter then looks
-- for itself whether it is what it waits for.

local core = require "kavach.core"
local task = require "kavach.task"

---@class kavach.waiters
local waiters = {}
waiters.__index = waiters

---@return kavach.waiters
function waiters.new()
  return setmetatable({ waiting = {} }, waiters)
end

---Waits for the next wake().
---@param ms? integer at most so long
---@return boolean woken false if the time was up first
function waiters:wait(ms)
  if ms and ms <= 0 then return false end
  return task.wait(function(done)
    local waiting, timer = self.waiting, nil
    local function leave(woken)
      waiting[done] = nil
      if timer then timer:close() end
      if woken ~= nil then done(woken) end
    end
    waiting[done] = leave
    if ms then timer = core.timer(ms, function() leave(false) end) end
    return leave
  end)
end

---Has fn called at each wake(), until what is returned is called: for what lives in callbacks.
---@param fn fun()
---@return fun() stop
function waiters:watch(fn)
  self.watchers = self.watchers or {}
  self.watchers[#self.watchers + 1] = fn
  return function()
    local others = {} -- those of now may be being called
    for _, other in ipairs(self.watchers) do
      if other ~= fn then others[#others + 1] = other end
    end
    self.watchers = others
  end
end

function waiters:wake()
  for _, fn in ipairs(self.watchers or {}) do fn() end
  local waiting = self.waiting
  if not next(waiting) then return end
  self.waiting = {}
  for _, leave in next, waiting do leave(true) end
end

---Waits until test() gives something that is neither nil nor false, and returns it.
---@param test fun(): any
---@param deadline? integer on the clock of task.now()
---@return any value nil if the deadline passed first
function waiters:until_true(test, deadline)
  while true do
    local value = test()
    if value then return value end
    if not self:wait(deadline and deadline - core.now()) then return test() or nil end
  end
end

return waiters
