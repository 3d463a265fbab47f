--- Waiting: how a task is suspended for an operation, and why it may not be.

local core = require "kavach.core"
local ready = require "kavach.task.ready"

local M = {}

function M.wake(wait, task)
  wait.done = true
  if wait.parked then ready.add(task) end
end

--- Why the task must not wait, if so: it was cancelled, or a task of a scope that it is in failed.
function M.refusal(task)
  if task.cancelled and (task.shielded == 0 or core.now() >= task.grace_until) then
    return task.cancelled
  end
  local scope = task.shielded == 0 and task.scope or nil
  while scope do
    if scope.failed and not scope.joining then return scope.interruption end
    scope = scope.outer
  end
end

local function call_off(wait)
  local canceller = wait.canceller
  if type(canceller) == "function" then canceller() elseif canceller then canceller:close() end
end

function M.interrupt(task, why)
  local wait = task.wait
  if not wait or wait.done then return end
  wait.error = why
  call_off(wait)
  M.wake(wait, task)
end

local function can_yield(task)
  return coroutine.running() == task.co and coroutine.isyieldable()
end

function M.suspend(task, wait)
  local outer = task.wait
  task.wait = wait
  if can_yield(task) then
    wait.parked = true
    coroutine.yield()
  else
    ready.drive(wait)
  end
  task.wait = outer
end

-- A task that is to end may catch this, again and again, in whatever coroutine of its own.
local function refuse(task, why)
  if task.stopped then core.stop((coroutine.running())) end
  error(why, 0)
end

--- The one primitive. `start(done)` begins an operation and returns its canceller: a function, an
--- object with `close`, or nil. The task is suspended until `done(…)` is called; those are the
--- values. Raises, after the canceller ran, if the task is cancelled meanwhile.
---@param start fun(done: fun(...)): (function|table|userdata)?
function M.wait(start)
  local task = ready.current
  local why = M.refusal(task)
  if why then refuse(task, why) end
  if core.is_foreign() and not can_yield(task) then
    error("an operation that waits was called outside of a task, on a loop that is not kavach's: "
      .. "call it in a function given to kavach.spawn", 0)
  end
  local wait = {}
  wait.canceller = start(function(...)
    if wait.done then return end
    wait.values = table.pack(...)
    M.wake(wait, task)
  end)
  if not wait.done then M.suspend(task, wait) end
  if wait.deadlock then call_off(wait) end
  if wait.error then refuse(task, wait.error) end
  return table.unpack(wait.values, 1, wait.values.n)
end

--- Waits until `done` is called, one of `waiters`, or for `ms` at the most.
---@param waiters (fun(...))[]
---@param ms integer?
function M.among(waiters, ms)
  local clock
  M.wait(function(done)
    local function leave_them()
      for i, other in ipairs(waiters) do
        if other == done then table.remove(waiters, i) break end
      end
      if clock then clock:close() end
    end
    table.insert(waiters, done)
    clock = ms and core.timer(ms, function()
      leave_them()
      done()
    end)
    return leave_them
  end)
  if clock then clock:close() end
end

return M
