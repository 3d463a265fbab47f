-- What else can be said when QEMU did not even bring up a guest. Asked only then: a version query
-- costs as much as a tenth of a boot.

local err = require "kavach.err"
local console = require "kavach.sandbox.console"

local postmortem = {}

local VERSION_MS <const> = 2000
-- The oldest that takes the command lines of core/qemu: spelled-out booleans in -chardev.
local OLDEST <const> = 6

---@param cause kavach.Error
---@param qemu string its path
---@return kavach.Error cause, or one that says more
function postmortem.explain(cause, qemu)
  if cause.explained then return cause end
  cause.explained = true
  if cause.qemu_ended.failed then return cause end
  local answer = require("kavach.process").exec({ qemu, "--version" },
    { timeout_ms = VERSION_MS, grace_ms = 0, max_output = 4096, env = {} })
  local text = answer and not answer.timed_out and answer.stdout or ""
  local version = text:match "QEMU emulator version (%d+[%d.]*)"
  local more
  if not version then
    more = ("%s does not answer --version as QEMU does: is it QEMU?"):format(qemu)
  elseif tonumber(version:match "^%d+") < OLDEST then
    more = ("it is QEMU %s, which is too old: %d.0 or later is needed"):format(version, OLDEST)
  else
    return cause
  end
  cause.message = cause.message .. "; " .. console.printable(more)
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
