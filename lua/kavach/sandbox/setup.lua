-- What the agent does before the first command: steps, each a frame that ends with DONE or FAILED.

local wire = require "kavach.sandbox.wire"

local setup = {}

---@class kavach.setup.step
---@field what string what is done, for errors: "mounting /data in the guest"
---@field kind integer of the frame
---@field payload string

local ENTROPY <const>, ID_BYTES <const> = 64, 16
-- Linux has room for so many (__NEW_UTS_LEN less its NUL, and RFC 1035's labels).
local HOST_NAME <const> = "^%w[%w-]*$"
local HOST_NAME_MOST <const> = 63

local function random_bytes(count)
  local file <close> = assert(io.open("/dev/urandom", "rb"))
  file:setvbuf "no"
  return assert(file:read(count))
end

---What makes the guest a machine of its own: random numbers, names, and, of a copy of a saved
---guest, the time. The first step.
---@param name? string the sandbox's: the guest's host name, if it can be one
---@param time_ns integer since 1970; 0: the guest's clock stays as it is
---@return kavach.setup.step
function setup.identity(name, time_ns)
  local id = ("%02x"):rep(ID_BYTES):format(random_bytes(ID_BYTES):byte(1, -1))
  if not name or #name > HOST_NAME_MOST or not name:find(HOST_NAME) then
    name = "kavach-" .. id:sub(1, 8)
  end
  return {
    what = "giving the guest an identity",
    kind = wire.IDENTITY,
    payload = string.pack("<I8", time_ns) .. random_bytes(ENTROPY) .. string.pack("<zz", id, name),
  }
end

---@param tag string of the share
---@param target string absolute path in the guest
---@param readonly boolean
---@return kavach.setup.step
function setup.mount(tag, target, readonly)
  return {
    what = ("mounting %s in the guest"):format(target),
    kind = wire.MOUNT,
    payload = string.pack("<I4zz", readonly and wire.READ_ONLY or 0, tag, target),
  }
end

---The root that commands are to see.
---@param source { share?: string, disk?: string } a tag, or a serial number; neither: its own root
---@param scratch? string serial number of the disk that is written to; nil: memory is
---@return kavach.setup.step
function setup.root(source, scratch)
  local kind = source.share and wire.ROOT_SHARE or source.disk and wire.ROOT_DISK or wire.ROOT_OWN
  return {
    what = "mounting the root in the guest",
    kind = wire.ROOT,
    payload = string.pack("<I4zz", kind, source.share or source.disk or "", scratch or ""),
  }
end

---What bounds all commands together. The last step: it closes what the others need open.
---@param limits { cpu_us?: integer, max_pids?: integer, read_only?: boolean }
---@return kavach.setup.step
function setup.limits(limits)
  local flags = (limits.cpu_us and wire.LIMIT_CPU or 0)
    | (limits.max_pids and wire.LIMIT_PROCESSES or 0)
    | (limits.read_only and wire.LIMIT_READ_ONLY or 0)
  return {
    what = "setting the limits in the guest",
    kind = wire.LIMITS,
    payload = string.pack("<I4I4I4", flags, limits.cpu_us or 0, limits.max_pids or 0),
  }
end

return setup
