--- The tasks that can go on, and the driving of the loop: what runs when.
---
--- A wait is a table: `done`; `error` (and `deadlock`), or `values`; `parked` while its task is
--- suspended for it (a task that cannot yield is not suspended, but drives the loop).

local core = require "kavach.core"

local M = {
  current = nil, -- the task that runs
  interrupted = nil, -- called when the user has interrupted the program
  DEADLOCK = "deadlock: everything waits for something that cannot happen any more",
}

-- A look at the loop comes at least once in so many rounds of tasks that make each other ready.
local ROUNDS <const> = 16

-- A task that cannot yield runs the others inside of its own call, and one of those may do the
-- same:
-- Lua allows about 200 C calls inside one another. Deeper than this, it runs its own tasks first.
local DEEP <const> = 8

-- A queue, shared by all drives: one inside another must find what the outer one has not run yet.
local queue, first, last = {}, 1, 0
local depth = 0

function M.add(task)
  last = last + 1
  queue[last] = task
  if first == last and core.is_foreign() then core.wake() end
end

local function within(task, owner)
  local scope = task.parent
  while scope do
    if scope.owner == owner then return true end
    scope = scope.owner.parent
  end
  return false
end

local function resume(task)
  local before = M.current
  M.current = task
  local ok, message = core.resume(task.co, task.session or 0)
  M.current = before
  if not ok then
    task:finish(false, message) -- out of stack or memory
  elseif not task.done and not (task.wait and task.wait.parked) then
    M.add(task) -- a yield of the script's own: the others have had their turn
  end
end

--- Runs the tasks that are ready now; with `owner`, only those that it has spawned.
local function run_ready(owner)
  local any, final = false, last
  while first <= final do
    local task = queue[first]
    queue[first] = nil
    first = first + 1
    if owner and not within(task, owner) then
      last = last + 1
      queue[last] = task
    else
      any = true
      resume(task)
    end
  end
  return any
end

--- Runs what is due: completions, then the tasks that are ready. Returns whether there was any.
function M.step(owner)
  local any = false
  local callback, a, b, c, d, e = core.next()
  while callback do
    any = true
    callback(a, b, c, d, e)
    callback, a, b, c, d, e = core.next()
  end
  return run_ready(owner) or any
end

local function poll(how)
  local alive, interrupted = core.poll(how)
  if interrupted then M.interrupted() end
  return alive or interrupted or core.alive()
end

--- Runs the loop and the tasks until the wait is done.
function M.drive(wait)
  depth = depth + 1
  local session = core.session(0) -- what is called from here is not who waits
  local owner = depth > DEEP and M.current or nil
  local rounds = 0
  while not wait.done do
    if M.step(owner) then
      rounds = rounds + 1
      if rounds % ROUNDS == 0 then poll "nowait" end
    elseif not poll "once" and not wait.done then
      if not owner or first > last then
        wait.done, wait.deadlock, wait.error = true, true, M.DEADLOCK
      end
      owner = nil
    end
  end
  core.session(session)
  depth = depth - 1
end

return M
