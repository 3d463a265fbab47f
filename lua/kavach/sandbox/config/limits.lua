-- The limits of a sandbox policy: what its guest may use of the machine.
--
-- Where each is enforced, on every backend alike unless it says otherwise:
--
--   cpu_limit         the VM's processors, rounded up; a fraction by cpu.max of the control group
--                     that all commands in the guest are in
--   memory_limit_mb   the VM's memory; of that, commands together may use what the guest's kernel
--                     and agent leave, by memory.max of the same group
--   max_pids          pids.max of the same group: processes and threads of all commands together
--   read_only_rootfs  a read-only mount in the guest. /tmp, /run, /dev/shm, and mounts that were
--                     asked for with readonly = false, can be written
--   disk_mb           a disk of that size, which all that is written goes to but for /run and
--                     /dev/shm: they are memory. Its file, all hole at first, is in the private
--                     directory. Not on sev-snp: the host can read the disk, so it is refused
--                     there unless allow_unmeasured = true
--   network           config/network.lua
--
-- Where cpu.max, pids.max or the read-only mount is asked for, commands also lose the capabilities
-- by which root could undo them, and their root, if they may write it, is an overlay that the
-- kernel itself takes nothing from (core/guest/limits.h). All that binds commands, not a guest's
-- kernel that they have taken over: that one is held by the size of the VM, and QEMU around it by
-- the host's control group (host_cgroup.lua).

local check = require "kavach.check"
local err = require "kavach.err"
local network = require "kavach.sandbox.config.network"
local refusal = require "kavach.sandbox.config.refusal"

---The memory of this machine.
---@return integer MiB
local function host_memory_mb()
  return require("kavach.meminfo") "MemTotal" or 16 * 1024 * 1024
end

local M = {}

---The presets. Without a policy it is `basic`.
---
--- - `minimal`: the least that most commands run in: one processor, 256 MiB, 64 processes, and a
---   root that stays as it is.
--- - `basic`: two processors and 512 MiB, of which the guest may make what it likes.
--- - `strict`: for what nobody vouches for: half a processor, 256 MiB, 32 processes, and a root
---   that stays as it is.
---
--- None of them has a network.
M.PRESETS = {
  minimal = { cpu_limit = 1, memory_limit_mb = 256, max_pids = 64, read_only_rootfs = true,
    network = { enabled = false } },
  basic = { cpu_limit = 2, memory_limit_mb = 512, read_only_rootfs = false,
    network = { enabled = false } },
  strict = { cpu_limit = 0.5, memory_limit_mb = 256, max_pids = 32, read_only_rootfs = true,
    network = { enabled = false } },
}

-- The kernel's include/linux/threads.h: PID_MAX_LIMIT on 64 bits.
local PIDS_MOST <const> = 4 * 1024 * 1024
-- The kernel's scheduler refuses less than a millisecond in each tenth of a second, which is what
-- the agent asks it for (core/guest/limits.h).
local CPU_LEAST <const>, CPU_PERIOD_US <const> = 0.01, 100000
-- A file system of a mebibyte has hardly room for itself.
local DISK_LEAST <const>, DISK_MOST <const> = 4, 1024 * 1024

-- max_pids has no default: what a guest does to itself stays in it, and how many processes a
-- command needs (a build, a test suite) nobody can know.
M.options = {
  cpu_limit = { type = "number", above = 0, max = 255, default = M.PRESETS.basic.cpu_limit },
  memory_limit_mb = {
    type = "integer", min = 1, default = M.PRESETS.basic.memory_limit_mb,
    fn = function(mb)
      local most = host_memory_mb()
      if mb <= most then return mb end
      return nil, ("at most %d, the memory of this machine in MiB, got %d"):format(most, mb)
    end,
  },
  max_pids = { type = "integer", min = 1, max = PIDS_MOST },
  read_only_rootfs = { type = "boolean", default = false },
  disk_mb = { type = "integer", min = DISK_LEAST, max = DISK_MOST },
  policy = { type = { "string", "table" } },
}

-- What a policy may hold: the limits and the network's options, none with a default.
local POLICY <const> = {}
for _, options in ipairs { M.options, network.options } do
  for name, rule in next, options do
    rule = type(rule) == "string" and { type = rule } or rule
    local bare = {}
    for key, value in next, rule do bare[key] = value end
    bare.default = nil
    if name ~= "policy" then POLICY[name] = bare end
  end
end

-- The limits that a policy stands for; nil and what is wrong with it: an error value, or misuse in
-- words.
local function read_policy(policy)
  if type(policy) == "string" then
    local preset = M.PRESETS[policy:lower()]
    if preset then return preset end
    return err.fail("invalid_argument",
      ("unknown policy: %s (use minimal, basic, strict)"):format(policy),
      { op = "sandbox", option = "policy" })
  end
  if type(policy) ~= "table" then
    return nil, ("sandbox: policy must be a string or a table, got a %s"):format(type(policy))
  end
  local _, misuse = check.test(POLICY, policy, "sandbox: policy")
  if misuse then return nil, misuse end
  return policy
end

---The options with the limits of their policy among them. What stands in the options themselves
---wins, in a table (the network) field by field.
---@param options table?
---@return table? options
---@return kavach.Error|string? why an error, or the words of misuse
function M.expand(options)
  local policy = type(options) == "table" and rawget(options, "policy")
  if not policy then return options end
  local limits, why = read_policy(policy)
  if not limits then return nil, why end
  local merged = {}
  for name, value in next, limits do merged[name] = value end
  for name, value in next, options do
    local below = merged[name]
    if type(below) == "table" and type(value) == "table" then
      local both = {}
      for key, part in next, below do both[key] = part end
      for key, part in next, value do both[key] = part end
      value = both
    end
    merged[name] = value
  end
  return merged
end

---What is left of the processor limit for the guest to enforce.
---@param cpu_limit number
---@return integer? microseconds of each 100 ms; nil: the number of processors says it all
function M.cpu_quota_us(cpu_limit)
  if cpu_limit == cpu_limit // 1 then return nil end
  return math.floor(cpu_limit * CPU_PERIOD_US + 0.5)
end

function M.check(checked)
  if checked.cpu_limit < CPU_LEAST then
    return refusal("cpu_limit", ("= %s cannot be enforced: %s is the least"):format(
      checked.cpu_limit, CPU_LEAST))
  end
  return true
end

---Whether this backend can enforce it.
---@param checked table
---@param backend string
---@return boolean? true
---@return kavach.Error?
function M.check_backend(checked, backend)
  if checked.disk_mb and backend == "sev-snp" and not checked.allow_unmeasured then
    return refusal("disk_mb", "is refused with sev-snp, since the host can read and change what is "
      .. "on the disk: leave it out, or set allow_unmeasured = true")
  end
  return true
end

return M
