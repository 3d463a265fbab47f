--- Realms: a prompt's tasks, each of which stands for itself.

local scheduler = require "kavach.task.scheduler"

local M = {}

---@class kavach.Realm: kavach.Scope
local Realm = setmetatable({ __name = "kavach.Realm" }, { __index = scheduler.Scope })
Realm.__index = Realm

--- A scope in which one task that failed is told to `on_failure(error, traceback)`, and the others
--- go on. Their code can be interrupted by the session's number.
---@param session integer over 0
---@param on_failure fun(failure: any, traceback: string?)
---@return kavach.Realm
function M.new(session, on_failure)
  local realm = setmetatable(scheduler.nobody().scope, Realm)
  realm.session, realm.on_failure = session, on_failure
  return realm
end

--- Starts `fn(…)`. What it spawns is the realm's, too: it does not wait for that. An interrupt ends
--- with the core.guard that it calls others' code in.
---@param fn fun(...): ...
---@return kavach.Task
function Realm:start(fn, ...)
  local arguments = table.pack(...)
  local task
  task = scheduler.start(self, self.session, function()
    task.scope = self
    return pcall(fn, table.unpack(arguments, 1, arguments.n))
  end)
  return task
end

--- Cancels a task of it, or another that it is to be rid of: what it computes is ended, too, and
--- what the tasks of its scopes do.
---@param task kavach.Task
---@param why string?
function Realm.interrupt(_, task, why)
  if task:cancel(why) then scheduler.stop(task) end
end

--- The same for all of its tasks, and for those that are yet to be started.
---@param why string
function Realm:close(why)
  self.owner.stopped, self.closed = true, why
  self:cancel(why)
end

return M
