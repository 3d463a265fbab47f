--- Tasks: coroutines on the loop, in scopes that do not end before them.
---
--- A task belongs to the scope it was spawned in. A scope ends when its body and all of its tasks
--- have ended; an error in any of them cancels the others and then leaves the scope, with the
--- traceback of where it came from. Each task's body is a scope, and so is the main thread, which
--- is treated as a task that never yields: where a task would be suspended, it drives the loop.
---
--- A task is suspended in `wait` only (kavach.task.waiting). `yield` itself belongs to the scripts:
--- an operation that is called in a coroutine of the script's own, or where Lua cannot yield
--- (inside `require`, a `gsub` or `sort` callback, `tostring`), drives the loop until it is done.

local core = require "kavach.core"
local err = require "kavach.err"
local ready = require "kavach.task.ready"
local waiting = require "kavach.task.waiting"

local M = { wait = waiting.wait, wait_among = waiting.among }

local GRACE_MS <const> = 2000

local interrupt, refusal, suspend, wake =
  waiting.interrupt, waiting.refusal, waiting.suspend, waiting.wake

---@class kavach.Task
---@field cancelled kavach.Error? why, from when it was
---@field stopped boolean? and it is to end, whatever it catches
local Task = {}
Task.__index = Task
Task.__name = "kavach.Task"
M.class = Task -- by which the prompt knows its objects

---@class kavach.Scope
local Scope = {}
Scope.__index = Scope
Scope.__name = "kavach.Scope"

local function new_scope(outer, owner)
  return setmetatable({ outer = outer, owner = owner, tasks = {}, count = 0 }, Scope)
end

local root = setmetatable({ shielded = 0 }, Task) -- the main thread
root.scope = new_scope(nil, root)
ready.current = root
local origin = {} -- of the last failure: { error = value, traceback = text }

-- ---- scopes ----------------------------------------------------------------------------------

local function trace(e)
  local text = debug.traceback(nil, 2)
  if origin.error ~= nil and rawequal(origin.error, e) and origin.traceback then
    text = origin.traceback .. "\nin a scope of:" .. text:gsub("^stack traceback:", "")
  end
  origin = { error = e, traceback = text }
  return e
end

--- Ends what a cancelled task computes, too, once it has had time to clean up.
---@param task kavach.Task
function M.stop(task)
  task.stopped = true
  core.stop(task.co)
end

local function cancel_tasks(scope, why)
  local all = {}
  for task in pairs(scope.tasks) do all[#all + 1] = task end
  table.sort(all, function(a, b) return a.number < b.number end)
  for _, task in ipairs(all) do
    task:cancel(why)
    if scope.owner.stopped and not task.done then M.stop(task) end
  end
end

--- Waits until the scope's tasks have ended. A cancellation meanwhile is passed on to them, and
--- returned.
local function join(scope, task)
  scope.joining = true
  local called_off
  while scope.count > 0 do
    called_off = called_off or refusal(task)
    if called_off then cancel_tasks(scope, "its scope was cancelled") end
    local wait = {}
    scope.join_wait = wait
    suspend(task, wait)
    if wait.deadlock then
      if scope.stuck then break end
      scope.stuck = true
      cancel_tasks(scope, wait.error)
    end
  end
  return called_off
end

local function leave(scope, ok, ...)
  local task = scope.owner
  local from = origin -- other tasks may fail meanwhile
  if not ok then cancel_tasks(scope, "its scope failed") end
  local called_off = join(scope, task)
  task.scope = scope.outer
  if not ok then origin = from end
  if scope.failed then
    origin = scope.origin
    error(scope == root.first_scope and scope.interruption or scope.failure, 0)
  end
  if not ok then error((...), 0) end
  if called_off then error(called_off, 0) end
  if scope.stuck then error(ready.DEADLOCK, 0) end
  return ...
end

--- Runs `fn(scope)` in a scope of its own and returns its results once every task that it spawned
--- has ended. The first error in it, or in one of them, cancels the rest and is raised here.
---@param fn fun(scope: kavach.Scope): ...
function M.scope(fn)
  local task = ready.current
  local scope = new_scope(task.scope, task)
  task.scope = scope
  return leave(scope, xpcall(fn, trace, scope))
end

--- Cancels every task of the scope.
---@param why string?
function Scope:cancel(why)
  cancel_tasks(self, why)
end

--- What interrupts the scope's owner. The main thread has no scope around it that would raise the
--- failure itself, so there it is the failure, with where it came from.
local function interruption_of(scope)
  if scope.outer then
    return err.new("cancelled", "a task of its scope failed: " .. tostring(scope.failure))
  end
  return ("%s\n%s"):format(tostring(scope.failure), scope.origin.traceback or "")
end

local function scope_failed(scope, failure)
  if scope.on_failure then
    return scope.on_failure(failure, rawequal(origin.error, failure) and origin.traceback or nil)
  end
  if scope.failed then return end
  scope.failed, scope.failure = true, failure
  scope.origin = rawequal(origin.error, failure) and origin or {}
  scope.interruption = interruption_of(scope)
  cancel_tasks(scope, "another task of its scope failed")
  if not scope.joining and scope.owner.shielded == 0 then
    interrupt(scope.owner, scope.interruption)
  end
end

-- ---- tasks -----------------------------------------------------------------------------------

local last_number = 0

--- A task of a scope that runs `body`, which returns what pcall does. For kavach.task.realm.
---@param scope kavach.Scope
---@param session integer? the prompt whose interrupts are for it
---@param body fun(): boolean, ...
---@return kavach.Task
function M.start(scope, session, body)
  last_number = last_number + 1
  local task = setmetatable({
    parent = scope, shielded = 0, number = last_number, started = core.now(), session = session,
  }, Task)
  task.co = coroutine.create(function()
    if task.cancelled then return task:finish(false, task.cancelled) end
    task:finish(body())
  end)
  scope.tasks[task] = true
  scope.count = scope.count + 1
  ready.add(task)
  if scope.closed then cancel_tasks(scope, scope.closed) end
  return task
end

local function or_raise(ok, ...)
  if not ok then error((...), 0) end
  return ...
end

-- What can be interrupted: the interrupt ends with it.
local function guarded(fn) return or_raise(core.guard(trace, fn)) end

--- Starts `fn(…)` as a task of the innermost scope.
---@return kavach.Task
function M.spawn(fn, ...)
  if type(fn) ~= "function" then error("spawn: a function is needed, not a " .. type(fn), 2) end
  local scope = ready.current.scope
  local arguments = table.pack(...)
  local session = ready.current.session
  return M.start(scope, session, function()
    local function body() return fn(table.unpack(arguments, 1, arguments.n)) end
    return pcall(M.scope, session and function() return guarded(body) end or body)
  end)
end

function Task:finish(ok, ...)
  self.done, self.ok, self.results = true, ok, table.pack(...)
  local scope, failure = self.parent, self.results[1]
  scope.tasks[self] = nil
  scope.count = scope.count - 1
  local was_cancelled = self.cancelled and not ok and err.is(failure, "cancelled")
  if not ok and not was_cancelled then
    self.origin = origin
    scope_failed(scope, failure)
  end
  if self.grace then self.grace:close() end
  for _, done in ipairs(self.waiters or {}) do done() end
  local join_wait = scope.join_wait
  if scope.count == 0 and join_wait and not join_wait.done then wake(join_wait, scope.owner) end
end

local function await_end(task, ms)
  task.waiters = task.waiters or {}
  waiting.among(task.waiters, ms and math.ceil(math.min(ms, 2 ^ 53)))
  return task.done
end

--- Waits for the task to end: its results. Raises what it raised; a cancelled one gives nil and an
--- error of kind `cancelled`; one that is not done in `ms` goes on, and this returns nil and an
--- error of kind `timeout`.
---@param ms number?
function Task:await(ms)
  if ms ~= nil and not (type(ms) == "number" and ms >= 0) then
    error("await: milliseconds are a number from 0 up, not " .. tostring(ms), 2)
  end
  if not self.done and not await_end(self, ms) then
    return nil, err.new("timeout", ("the task did not end within %s ms"):format(ms))
  end
  if self.ok then return table.unpack(self.results, 1, self.results.n) end
  if self.cancelled and err.is(self.results[1], "cancelled") then return nil, self.results[1] end
  origin = self.origin or origin
  error(self.results[1], 0)
end

--- Cancels the task: what it waits for is called off, and it gets an error of kind `cancelled`
--- there and at every later wait. Does not wait for its end. False if it had ended.
---@param why (string|kavach.Error)?
---@return boolean
function Task:cancel(why)
  if self.done then return false end
  if self.cancelled then return true end
  self.cancelled = err.is(why) and why or err.new("cancelled", why and tostring(why) or "cancelled")
  self.grace_until = core.now() + GRACE_MS
  if self.shielded == 0 then
    interrupt(self, self.cancelled)
  else
    self.grace = core.timer(GRACE_MS, function() interrupt(self, self.cancelled) end)
  end
  return true
end

---@return "waiting"|"ended"|"failed"|"cancelled"
function Task:status()
  if not self.done then return "waiting" end
  if self.ok then return "ended" end
  return self.cancelled and "cancelled" or "failed"
end

--- Runs `fn(…)`, whose waits go on for a grace of two seconds though the task is cancelled: for
--- cleaning up.
function M.shield(fn, ...)
  local task = ready.current
  task.shielded = task.shielded + 1
  local results = table.pack(xpcall(fn, trace, ...))
  task.shielded = task.shielded - 1
  if not results[1] then error(results[2], 0) end
  return table.unpack(results, 2, results.n)
end

-- ---- tasks of no scope -----------------------------------------------------------------------

-- A task that never runs, for the scope that it has.
local function nobody()
  local task = setmetatable({ shielded = 0 }, Task)
  task.scope = new_scope(nil, task)
  return task
end


--- Starts `fn(…)` as a task that no scope waits for or cancels: for what serves others while the
--- program goes its own way. Nobody is told of its failure, so it should catch its own.
---@return kavach.Task
function M.background(fn, ...)
  local before = ready.current
  ready.current = nobody()
  local task = M.spawn(fn, ...)
  ready.current = before
  return task
end

-- ---- the main thread -------------------------------------------------------------------------

--- From now on a failure of one of the main thread's tasks does not end the others, or it.
---@param on_failure fun(failure: any, traceback: string?)
function M.outlive_failures(on_failure)
  root.first_scope.on_failure = on_failure
end

root.first_scope = root.scope

--- Waits for the tasks that the main thread spawned. The program calls it when a script has come to
--- its end; other hosts of Lua end without it.
function M.finish()
  return leave(root.first_scope, true)
end

--- Cancels the tasks that the main thread spawned. For who runs beside it: one that cannot yield
--- may hold it up.
---@param why string
function M.call_off(why) cancel_tasks(root.first_scope, why) end

--- Cancels them, and waits for their end.
function M.abandon()
  M.call_off "the program failed"
  join(root.first_scope, root)
end

--- The user has interrupted the program: the main thread's wait, and every task, get an error.
function ready.interrupted()
  scope_failed(root.first_scope, "interrupted!")
end

--- Raises, once, the failure of a task of the main thread. For who runs tasks beside the main
--- thread, where no wait of its own would raise it.
function M.raise_failure()
  local scope = root.first_scope
  if not scope.failed or scope.raised then return end
  scope.raised = true
  error(scope.interruption, 0)
end

--- How many tasks of the main thread have not ended.
function M.unfinished()
  return root.first_scope.count
end

--- Where the last error that left a scope came from, if `e` is it.
function M.traceback_of(e)
  return rawequal(origin.error, e) and origin.traceback or nil
end

M.step, M.nobody, M.Scope = ready.step, nobody, Scope

return M
