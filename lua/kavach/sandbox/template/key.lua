-- What makes one saved guest fit another start: the machine that QEMU builds, and what ran in it
-- until it was saved. Two starts with the same key can be copies of the same guest.

local core = require "kavach.core"

local key = {}

-- Raise it when what is done with a guest before it is saved changes.
local FORMAT <const> = 1

---One file as it is now: whatever writes to it, or puts another in its place, changes this.
---@param facts table of core.file_facts
---@return string
function key.file_identity(facts)
  return ("%d:%d:%d:%d:%d"):format(facts.dev, facts.ino, facts.size, facts.mtime_ns, facts.ctime_ns)
end

-- A saved guest knows the rate of this machine's time stamp counter, which is another elsewhere.
-- (The rate itself is measured, and never quite the same.)
local function machine()
  local file <close> = io.open("/etc/machine-id", "rb")
    or io.open("/proc/sys/kernel/hostname", "rb")
  return file and file:read "l" or ""
end

-- With KVM the guest sees the host's own processor, which the host's microcode may change.
local function processor(backend)
  if backend ~= "kvm" then return "emulated" end
  local file <close> = io.open("/proc/cpuinfo", "rb")
  local first = file and (file:read "a" or ""):match "^(.-)\n\n" or ""
  return (first:gsub("[^\n]*MHz[^\n]*", ""))
end

-- The launch without what is this sandbox's own: where its files are. What devices there are stays.
local function anonymous(launch)
  local copy = {}
  for name, value in next, launch do copy[name] = value end
  copy.shares, copy.disks = {}, {}
  for i, share in ipairs(launch.shares) do
    copy.shares[i] = { tag = share.tag, path = "/", readonly = share.readonly, remap = share.remap }
  end
  for i, disk in ipairs(launch.disks) do
    copy.disks[i] =
      { serial = disk.serial, path = "/", format = disk.format, readonly = disk.readonly }
  end
  copy.qemu, copy.kernel, copy.initrd = "qemu", "kernel", "initrd"
  copy.memory_file, copy.clone, copy.tsc_khz = "memory", false, 0
  return copy
end

-- What is on the disks. Our own guest looks at them first as a clone; another kernel may have their
-- drivers built in, and then knows their sizes from before it was saved.
local function add_disks(lines, planned)
  for _, disk in ipairs(planned.launch.disks) do
    local facts = disk.readonly and core.file_facts(disk.path)
    lines[#lines + 1] = ("disk %s %s"):format(disk.serial,
      facts and key.file_identity(facts) or tostring(planned.scratch_mb))
  end
end

---The key of a start, as text of lines.
---@param planned kavach.plan
---@param foreign boolean its kernel or initramfs is not the one that comes with kavach
---@return string? key
---@return string? why there is none
function key.of(planned, foreign)
  local words, wrong = core.qemu_argv(anonymous(planned.launch))
  if not words then return nil, wrong end
  local lines = {
    ("kavach %s, format %d"):format(core.version, FORMAT),
    "machine " .. machine(), "processor " .. processor(planned.launch.backend),
  }
  for _, file in ipairs {
    { "qemu", planned.qemu.program:path() }, { "kernel", planned.files.kernel },
    { "initrd", planned.files.initrd },
  } do
    local facts, why = core.file_facts(file[2])
    if not facts then return nil, why end
    lines[#lines + 1] = file[1] .. " " .. key.file_identity(facts)
  end
  if foreign then add_disks(lines, planned) end
  return table.concat(lines, "\n") .. "\n" .. table.concat(words, "\n")
end

return key
