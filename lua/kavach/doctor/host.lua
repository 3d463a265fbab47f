-- Of the host: QEMU, the place for private directories, and what there is of memory and the like.

local core = require "kavach.core"
local row = require "kavach.doctor.row"
local version = require "kavach.sandbox.version"

local M = {}

local INSTALL <const> = {
  command = "apt install qemu-system-x86",
  advice = "QEMU 6.0 or later is needed; KAVACH_QEMU may name one that is not in PATH",
}
local MIB <const> = 1024 * 1024
-- A sandbox needs some sockets; the rest is for what QEMU and the share transport may write.
local LEAST_FREE <const> = 16 * MIB

---@param seen kavach.doctor.seen
function M.qemu(seen)
  local opened = seen.found_qemu
  if not opened then return row.missing(tostring(seen.no_qemu), INSTALL) end
  local found, why = seen.ask_version()
  if not found then return row.missing(why, INSTALL) end
  why = version.too_old(found)
  if why then return row.missing(("%s: %s"):format(opened.path, why), INSTALL) end
  seen.qemu, seen.qemu_version = opened, found
  return row.ok(("%s, version %s"):format(opened.path, found))
end

local function elsewhere(place)
  return {
    advice = ("make room in %s, or set XDG_RUNTIME_DIR to a folder that is yours alone"):format(
      place),
  }
end

function M.private()
  local place, why = core.private_parent()
  if not place then
    return row.missing(why, { advice = "set XDG_RUNTIME_DIR to a folder that is yours alone" })
  end
  local free, dir
  free, why = core.free_space(place)
  if free then dir, why = core.private_dir() end
  if not dir then return row.missing(why, elsewhere(place)) end
  core.remove_dir(dir)
  local found = ("%s, %d MiB free"):format(place, free // MIB)
  if free < LEAST_FREE then return row.missing(found, elsewhere(place)) end
  return row.ok(found)
end

-- ---- what sandboxes use up ---------------------------------------------------------------------

-- What a sandbox of the default size takes, QEMU's own memory (Debian's 7.2, by PSS) included.
local SANDBOX_MB <const> = 512 + 90
-- What a host process has open of its own, and for each sandbox: the agent's port, QMP's socket,
-- the console and QEMU's messages, and what is open while it starts.
local OWN_DESCRIPTORS <const>, SANDBOX_DESCRIPTORS <const> = 24, 8
local FEW <const> = 4

-- The text of a file of /proc.
local function read(path)
  local file <close> = io.open(path, "rb")
  return file and file:read "a" or ""
end

---The guest's memory is taken as it is used, so this is a promise of what always fits.
function M.memory()
  local free = require("kavach.meminfo") "MemAvailable"
  if not free then return row.warning "/proc/meminfo does not say how much there is" end
  local count = free // SANDBOX_MB
  local found = ("%d MiB available: sandboxes of the default size (512 MiB) that fit: %d"):format(
    free, count)
  if count >= FEW then return row.ok(found) end
  return row.warning(found, { advice = "ask for smaller ones (--memory), or for fewer at a time" })
end

function M.descriptors()
  local soft, hard = read "/proc/self/limits":match "Max open files%s+(%w+)%s+(%w+)"
  if not soft then return row.warning "/proc/self/limits does not say how many may be open" end
  local number = tonumber(soft)
  if not number then return row.ok "no limit" end
  local count = math.max(0, number - OWN_DESCRIPTORS) // SANDBOX_DESCRIPTORS
  local found = ("%d may be open at once: enough for %d sandboxes in one process"):format(number,
    count)
  if count >= 100 then return row.ok(found) end
  return row.warning(found, { command = "ulimit -n " .. hard })
end

---Where a guest that took over its QEMU is held to what it was given (sandbox/host_cgroup.lua).
function M.cgroup()
  local available, where = require("kavach.sandbox.host_cgroup").probe()
  if available then return row.ok("QEMU gets a control group of its own in " .. where) end
  return row.warning("QEMU runs without a control group of its own: " .. where, {
    advice = "start kavach in a delegated one: systemd-run --user --scope -p Delegate=yes kavach …",
  })
end

---Without templates, every sandbox boots.
function M.templates()
  local place = require "kavach.sandbox.template.place"
  local folder, why = place.own()
  local list
  if folder then list, why = require("kavach.sandbox.template.shelf").list() end
  if not list then
    return row.warning("no guest can be saved, so each sandbox boots: " .. why,
      { advice = "set XDG_CACHE_HOME to a folder that is yours alone" })
  end
  local bytes, bad, first = 0, 0, nil
  for _, each in ipairs(list) do
    bytes, bad, first = bytes + each.bytes, bad + (each.bad and 1 or 0), first or each.bad
  end
  local found = ("%s, saved guests: %d, of %d MiB"):format(folder, #list, bytes // MIB)
  if bad == 0 then return row.ok(found) end
  return row.warning(("%s; %d cannot be used: %s"):format(found, bad, first),
    { command = "kavach template clear --bad" })
end

---Verifying needs AMD's certificates; sandboxes do not.
function M.certificates()
  local dir, why = require("kavach.attest.cache").default_dir()
  if not dir then return row.warning(why, { advice = "set HOME or XDG_CACHE_HOME" }) end
  local lfs = require "lfs"
  if not lfs.attributes(dir) then
    return row.ok(dir .. " is not there yet: the first certificates that are fetched make it")
  end
  local ok, handle, state = pcall(lfs.dir, dir .. "/index")
  local count = 0
  if ok then
    for name in handle, state do
      if name:sub(1, 1) ~= "." then count = count + 1 end
    end
  end
  if ok or not lfs.attributes(dir .. "/index") then
    return row.ok(("%s, certificates and revocation lists: %d"):format(dir, count))
  end
  return row.warning(tostring(handle), { command = "chmod -R u+rwX " .. dir })
end

return M
