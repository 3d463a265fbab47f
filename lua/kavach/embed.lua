--- The Lua half of core/kavach.h: tasks that a C program starts.

local task = require "kavach.task"

local M = {}
local failed = false

--- Starts `fn(…)` as a task. A failure is nobody's to catch: it is printed, and remembered.
function M.spawn(fn, ...)
  local arguments = table.pack(...)
  task.spawn(function()
    local ok, e = pcall(task.scope, function()
      return fn(table.unpack(arguments, 1, arguments.n))
    end)
    if ok then return end
    failed = true
    io.stderr:write(("kavach: %s\n%s\n"):format(tostring(e), task.traceback_of(e) or ""))
  end)
end

function M.failed()
  return failed
end

return M
