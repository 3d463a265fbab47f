-- What else can be said when QEMU did not even bring up a guest.

local err = require "kavach.err"
local version = require "kavach.sandbox.version"

local postmortem = {}

---@param cause kavach.Error
---@param qemu string its path
---@return kavach.Error cause, or one that says more
function postmortem.explain(cause, qemu)
  if cause.explained then return cause end
  cause.explained = true
  if cause.qemu_ended.failed then return cause end
  local found, more = version.ask(qemu)
  more = more or version.too_old(found)
  if more then cause.message = cause.message .. "; " .. more end
  return cause
end

---The error's message with the guest's last words under it, for people to read.
---@param cause kavach.Error
---@return string
function postmortem.report(cause)
  if not err.is(cause) or not cause.console or #cause.console == 0 then return tostring(cause) end
  return ("%s\nthe last lines of the guest's console:\n  %s"):format(cause.message,
    table.concat(cause.console, "\n  "))
end

return postmortem
