-- The root and the limits of a configuration, as shares, disks and steps of the set-up.

local err = require "kavach.err"
local limits = require "kavach.sandbox.config.limits"
local setup = require "kavach.sandbox.setup"

local storage = {}

local MIB <const> = 1024 * 1024

-- Tags, serial numbers, and a file's name in the private directory.
local ROOT <const>, SCRATCH <const> = "kavachroot", "kavachscratch"
local SCRATCH_FILE <const> = "scratch.disk"

---Adds what the root takes, first of all: what is mounted later is mounted in it.
---@param config table checked
---@param shares table[] as core.qemu_argv takes them
---@param disks table[] likewise
---@param steps kavach.setup.step[]
function storage.add(config, shares, disks, steps)
  local source = {}
  if config.root then
    source.share = ROOT
    shares[#shares + 1] = { tag = ROOT, path = config.root, readonly = true, remap = true }
  elseif config.image then
    source.disk = ROOT
    disks[#disks + 1] =
      { serial = ROOT, path = config.image, format = config.image_format, readonly = true }
  end
  local scratch
  if config.disk_mb then
    scratch = SCRATCH
    disks[#disks + 1] = { serial = SCRATCH, path = SCRATCH_FILE, format = "raw", readonly = false }
  end
  -- Limits in the guest need a root that commands cannot change, or one of the commands' own: the
  -- kernel starts programs from the first one.
  local own = storage.limits(config) and not config.read_only_rootfs
  if next(source) or scratch or own then steps[#steps + 1] = setup.root(source, scratch) end
end

---The step that sets the limits in the guest, if any are to be set there.
---@param config table checked
---@return kavach.setup.step?
function storage.limits(config)
  local wanted = {
    cpu_us = limits.cpu_quota_us(config.cpu_limit), max_pids = config.max_pids,
    read_only = config.read_only_rootfs or nil,
  }
  if not next(wanted) then return nil end
  return setup.limits(wanted)
end

---Makes the file of the scratch disk: all hole, so it takes what the guest writes and no more. It
---goes with the private directory.
---@param dir string
---@param mb integer
---@return boolean? true
---@return kavach.Error?
function storage.make_scratch(dir, mb)
  local file, why = io.open(dir .. "/" .. SCRATCH_FILE, "wb")
  local ok = file
  if ok then ok, why = file:seek("set", mb * MIB - 1) end
  if ok then ok, why = file:write "\0" end
  local closed, unwritten = true, nil
  if file then closed, unwritten = file:close() end
  if ok and closed then return true end
  return err.fail("creation_failed",
    ("the scratch disk of %d MiB: %s"):format(mb, why or unwritten),
    { op = "sandbox", option = "disk_mb" })
end

return storage
