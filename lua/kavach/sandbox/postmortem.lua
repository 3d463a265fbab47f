-- What else can be said when QEMU did not even bring up a guest.

local err = require "kavach.err"
local image = require "kavach.sandbox.image"
local version = require "kavach.sandbox.version"

local postmortem = {}

---@param cause kavach.Error
---@param qemu kavach.qemu
---@param memory_mb integer of the guest
---@return kavach.Error cause, which may say more now
function postmortem.explain(cause, qemu, memory_mb)
  if cause.explained then return cause end
  cause.explained = true
  local more
  if cause.qemu_ended and not cause.qemu_ended.failed then
    local found
    found, more = version.ask(qemu)
    more = more or version.too_old(found)
  end
  if not more and memory_mb < image.ENOUGH_MB then
    more = ("the guest may need more memory than %d MiB to boot; %d are enough for kavach's own")
      :format(memory_mb, image.ENOUGH_MB)
  end
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
