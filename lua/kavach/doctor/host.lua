-- Of the host: QEMU, and the place for private directories.

local core = require "kavach.core"
local console = require "kavach.sandbox.console"
local version = require "kavach.sandbox.version"

local M = {}

local INSTALL <const> = "install QEMU 6.0 or later (on Debian: apt install qemu-system-x86), or "
  .. "set KAVACH_QEMU to the path of one"
-- A sandbox needs some sockets; the rest is for what QEMU and the share transport may write.
local LEAST_FREE <const> = 16 * 1024 * 1024
local MIB <const> = 1024 * 1024

---@param seen kavach.doctor.seen
function M.qemu(seen)
  local path, why = core.qemu_find()
  if not path then return false, console.printable(why), INSTALL end
  local found
  found, why = version.ask(path)
  if not found then return false, why, INSTALL end
  why = version.too_old(found)
  if why then return false, ("%s: %s"):format(console.printable(path), why), INSTALL end
  seen.qemu, seen.qemu_version = path, found
  return true, ("%s, version %s"):format(console.printable(path), found)
end

local function elsewhere(place)
  return ("make room in %s, or set XDG_RUNTIME_DIR to a folder that is yours alone"):format(place)
end

function M.private()
  local place, why = core.private_parent()
  if not place then
    return false, console.printable(why),
      "set XDG_RUNTIME_DIR to a folder that is yours alone"
  end
  local shown = console.printable(place)
  local free
  free, why = core.free_space(place)
  if not free then return false, console.printable(why), elsewhere(shown) end
  local dir
  dir, why = core.private_dir()
  if not dir then return false, console.printable(why), elsewhere(shown) end
  core.remove_dir(dir)
  local found = ("%s, %d MiB free"):format(shown, free // MIB)
  if free < LEAST_FREE then return false, found, elsewhere(shown) end
  return true, found
end

return M
