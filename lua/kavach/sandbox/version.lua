-- Which QEMU it is, and whether it is new enough. It costs as much as a tenth of a boot, so it is
-- asked only when something is wrong, or when someone wants to know.

local console = require "kavach.sandbox.console"

local version = {}

local ANSWER_MS <const> = 2000
-- The oldest that takes the command lines of core/qemu: spelled-out booleans in -chardev.
version.OLDEST = 6

---@param qemu string its path
---@param ms? integer how long it may take
---@return string? version "7.2.22"
---@return string? why it is no QEMU
function version.ask(qemu, ms)
  local answer = require("kavach.process").exec({ qemu, "--version" },
    { timeout_ms = ms or ANSWER_MS, grace_ms = 0, max_output = 4096, env = {} })
  local text = answer and not answer.timed_out and answer.stdout or ""
  local found = text:match "QEMU emulator version (%d+[%d.]*)"
  if found then return found end
  return nil, ("%s does not answer --version as QEMU does: is it QEMU?"):format(
    console.printable(qemu))
end

---@param found string
---@return string? why it cannot be used, if so
function version.too_old(found)
  if tonumber(found:match "^%d+") >= version.OLDEST then return nil end
  return ("it is QEMU %s, which is too old: %d.0 or later is needed"):format(found, version.OLDEST)
end

return version
