--- Tasks: coroutines on the loop, in scopes that do not end before them.
---
--- A task belongs to the scope it was spawned in. A scope ends when its body and all of its tasks
--- have ended; an error in any of them cancels the others and then leaves the scope, with the
--- traceback of where it came from. Each task's body is a scope, and so is the main thread, which
--- is treated as a task that never yields: where a task would be suspended, it drives the loop.
---
--- A task is suspended in `wait` only. `yield` itself belongs to the scripts: an operation that is
--- called in a coroutine of the script's own, or where Lua cannot yield (inside `require`, a
--- `gsub` or `sort` callback, `tostring`), drives the loop until it is done.

local core = require "kavach.core"
local err = require "kavach.err"

local M = {}

local GRACE_MS <const> = 2000

---@class kavach.Task
local Task = {}
Task.__index = Task
Task.__name = "kavach.Task"

---@class kavach.Scope
local Scope = {}
Scope.__index = Scope
Scope.__name = "kavach.Scope"

local function new_scope(outer, owner)
  return setmetatable({ outer = outer, owner = owner, tasks = {}, count = 0 }, Scope)
end

local root = setmetatable({ shielded = 0 }, Task) -- the main thread
root.scope = new_scope(nil, root)
local current = root
local ready, ready_count = {}, 0
local origin = {} -- of the last failure: { error = value, traceback = text }

local function make_ready(task)
  ready_count = ready_count + 1
  ready[ready_count] = task
  if ready_count == 1 and core.is_foreign() then core.wake() end
end

-- ---- waiting ---------------------------------------------------------------------------------
-- A wait is a table: done; error, or n and its values; parked while its task is suspended for it
-- (a task that cannot yield is not suspended, but drives the loop).

local function wake(wait, task)
  wait.done = true
  if wait.parked then make_ready(task) end
end

--- Why the task must not wait, if so: it was cancelled, or a task of a scope that it is in failed.
local function refusal(task)
  if task.cancelled and (task.shielded == 0 or core.now() >= task.grace_until) then
    return task.cancelled
  end
  local scope = task.shielded == 0 and task.scope or nil
  while scope do
    if scope.failed and not scope.joining then return scope.interruption end
    scope = scope.outer
  end
end

local function interrupt(task, why)
  local wait = task.wait
  if not wait or wait.done then return end
  wait.error = why
  local canceller = wait.canceller
  if type(canceller) == "function" then canceller() elseif canceller then canceller:close() end
  wake(wait, task)
end

--- Runs what is due: completions, then the tasks that are ready. Returns whether there was any.
local function step()
  local any = false
  local callback, a, b, c, d, e = core.next()
  while callback do
    any = true
    callback(a, b, c, d, e)
    callback, a, b, c, d, e = core.next()
  end
  local batch, count, before = ready, ready_count, current
  if count == 0 then return any end
  ready, ready_count = {}, 0
  for i = 1, count do
    local task = batch[i]
    current = task
    local ok, message = coroutine.resume(task.co)
    current = before
    if not ok then task:finish(false, message) end -- out of stack or memory
  end
  return true
end

local function drive(wait)
  while not wait.done do
    if not step() and not core.poll("once") and not core.alive() and not wait.done then
      error("deadlock: everything waits for something that cannot happen any more", 0)
    end
  end
end

local function can_yield(task)
  return coroutine.running() == task.co and coroutine.isyieldable()
end

local function suspend(task, wait)
  local outer = task.wait
  task.wait = wait
  if can_yield(task) then
    wait.parked = true
    coroutine.yield()
  else
    drive(wait)
  end
  task.wait = outer
end

--- The one primitive. `start(done)` begins an operation and returns its canceller: a function, an
--- object with `close`, or nil. The task is suspended until `done(…)` is called; those are the
--- values. Raises, after the canceller ran, if the task is cancelled meanwhile.
---@param start fun(done: fun(...)): (function|table|userdata)?
function M.wait(start)
  local task = current
  local why = refusal(task)
  if why then error(why, 0) end
  if core.is_foreign() and not can_yield(task) then
    error("an operation that waits was called outside of a task, on a loop that is not kavach's: "
      .. "call it in a function given to kavach.spawn", 0)
  end
  local wait = {}
  wait.canceller = start(function(...)
    if wait.done then return end
    wait.values = table.pack(...)
    wake(wait, task)
  end)
  if not wait.done then suspend(task, wait) end
  if wait.error then error(wait.error, 0) end
  return table.unpack(wait.values, 1, wait.values.n)
end

-- ---- scopes ----------------------------------------------------------------------------------

local function trace(e)
  local text = debug.traceback(nil, 2)
  if origin.error ~= nil and rawequal(origin.error, e) and origin.traceback then
    text = origin.traceback .. "\nin a scope of:" .. text:gsub("^stack traceback:", "")
  end
  origin = { error = e, traceback = text }
  return e
end

local function cancel_tasks(scope, why)
  local all = {}
  for task in pairs(scope.tasks) do all[#all + 1] = task end
  table.sort(all, function(a, b) return a.number < b.number end)
  for _, task in ipairs(all) do task:cancel(why) end
end

--- Waits until the scope's tasks have ended. A cancellation meanwhile is passed on to them.
local function join(scope, task)
  scope.joining = true
  while scope.count > 0 do
    if refusal(task) then cancel_tasks(scope, "its scope was cancelled") end
    scope.join_wait = {}
    suspend(task, scope.join_wait)
  end
end

local function leave(scope, ok, ...)
  local task = scope.owner
  if not ok then cancel_tasks(scope, "its scope failed") end
  join(scope, task)
  task.scope = scope.outer
  if scope.failed then
    origin = scope.origin
    error(scope == root.first_scope and scope.interruption or scope.failure, 0)
  end
  if not ok then error((...), 0) end
  return ...
end

--- Runs `fn(scope)` in a scope of its own and returns its results once every task that it spawned
--- has ended. The first error in it, or in one of them, cancels the rest and is raised here.
---@param fn fun(scope: kavach.Scope): ...
function M.scope(fn)
  local task = current
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
  if scope.failed then return end
  scope.failed, scope.failure, scope.origin = true, failure, origin
  scope.interruption = interruption_of(scope)
  cancel_tasks(scope, "another task of its scope failed")
  if not scope.joining and scope.owner.shielded == 0 then
    interrupt(scope.owner, scope.interruption)
  end
end

-- ---- tasks -----------------------------------------------------------------------------------

local last_number = 0

--- Starts `fn(…)` as a task of the innermost scope.
---@return kavach.Task
function M.spawn(fn, ...)
  if type(fn) ~= "function" then error("spawn: a function is needed, not a " .. type(fn), 2) end
  local scope = current.scope
  last_number = last_number + 1
  local task = setmetatable({ parent = scope, shielded = 0, number = last_number }, Task)
  local arguments = table.pack(...)
  task.co = coroutine.create(function()
    if task.cancelled then return task:finish(false, task.cancelled) end
    local function body() return fn(table.unpack(arguments, 1, arguments.n)) end
    task:finish(pcall(M.scope, body))
  end)
  scope.tasks[task] = true
  scope.count = scope.count + 1
  make_ready(task)
  return task
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
  local clock
  M.wait(function(done)
    task.waiters = task.waiters or {}
    table.insert(task.waiters, done)
    clock = ms and core.timer(ms, done)
    return clock
  end)
  if clock then clock:close() end
  return task.done
end

--- Waits for the task to end: its results. Raises what it raised; a cancelled one gives nil and an
--- error of kind `cancelled`; one that is not done in `ms` goes on, and this returns nil and an
--- error of kind `timeout`.
---@param ms integer?
function Task:await(ms)
  if not self.done and not await_end(self, ms) then
    return nil, err.new("timeout", ("the task did not end within %d ms"):format(ms))
  end
  if self.ok then return table.unpack(self.results, 1, self.results.n) end
  if self.cancelled and err.is(self.results[1], "cancelled") then return nil, self.results[1] end
  origin = self.origin or origin
  error(self.results[1], 0)
end

--- Cancels the task: what it waits for is called off, and it gets an error of kind `cancelled` there
--- and at every later wait. Does not wait for its end. False if it had ended.
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
  local task = current
  task.shielded = task.shielded + 1
  local results = table.pack(xpcall(fn, trace, ...))
  task.shielded = task.shielded - 1
  if not results[1] then error(results[2], 0) end
  return table.unpack(results, 2, results.n)
end

-- ---- the main thread -------------------------------------------------------------------------

root.first_scope = root.scope

--- Waits for the tasks that the main thread spawned. The program calls it when a script has come to
--- its end; other hosts of Lua end without it.
function M.finish()
  return leave(root.first_scope, true)
end

--- How many tasks of the main thread have not ended.
function M.unfinished()
  return root.first_scope.count
end

--- Where the last error that left a scope came from, if `e` is it.
function M.traceback_of(e)
  return rawequal(origin.error, e) and origin.traceback or nil
end

M.step = step

return M
