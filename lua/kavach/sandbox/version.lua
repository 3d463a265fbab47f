-- Which QEMU it is, and whether it is new enough. It costs as much as a tenth of a boot, so it is
-- asked only when something is wrong, or when someone wants to know.

local console = require "kavach.sandbox.console"

local version = {}

-- The oldest that takes the command lines of core/qemu: spelled-out booleans in -chardev.
version.OLDEST = 6

---@param found kavach.qemu
---@return string? version "7.2.22"
---@return string? why it is no QEMU
function version.ask(found)
  if found.version then return found.version end
  local text = require("kavach.sandbox.qemu").ask(found, "--version") or ""
  found.version = text:match "QEMU emulator version (%d+[%d.]*)"
  if found.version then return found.version end
  return nil, ("%s does not answer --version as QEMU does: is it QEMU?"):format(
    console.printable(found.path))
end

---@param found string
---@return string? why it cannot be used, if so
function version.too_old(found)
  if tonumber(found:match "^%d+") >= version.OLDEST then return nil end
  return ("it is QEMU %s, which is too old: %d.0 or later is needed"):format(found, version.OLDEST)
end

return version
