-- Which kernel and which initramfs a guest boots, and whether they can be that.

local core = require "kavach.core"
local config = require "kavach.sandbox.config"
local err = require "kavach.err"
local kernel = require "kavach.sandbox.kernel"
local refusal = require "kavach.sandbox.config.refusal"

local image = {}

local MIB <const> = 1024 * 1024

---MiB in which kavach's own kernel and initramfs boot, for certain: under TCG it takes 91 or 92.
---With less they end in any way: with a panic, a reset, or never.
image.ENOUGH_MB = 96

-- The build tree has guest/ beside lib/kavach/, an installation has it in share/.
local function places()
  local library = core.helper_dir()
  return {
    library:gsub("/lib/kavach$", "") .. "/guest",
    library:gsub("/lib/kavach$", "") .. "/share/kavach/guest",
  }
end

---Whether a guest has another kernel or initramfs than the ones that come with kavach.
---@param files { kernel: string, initrd: string }
---@return boolean
function image.is_foreign(files)
  local own = {}
  for _, place in ipairs(places()) do own[place] = true end
  return not (own[files.kernel:match "^(.*)/"] and own[files.initrd:match "^(.*)/"])
end

local function exists(path)
  local file = core.file_open(path)
  if file then file:close() end
  return file ~= nil
end

-- The first that exists; if none does, the first, which is then what is missing.
local function find(option, variable, name, last)
  local given = option or os.getenv(variable)
  if given and given ~= "" then return config.absolute(given) end
  local candidates = places()
  for i, place in ipairs(candidates) do candidates[i] = place .. "/" .. name end
  candidates[#candidates + 1] = last
  for _, path in ipairs(candidates) do
    if exists(path) then return path end
  end
  return candidates[1]
end

---The paths that a configuration stands for, whether or not there is anything.
---@param options { kernel?: string, initrd?: string }
---@param backend? string sev-snp guests start as a bzImage, the others quicker as a vmlinux
---@return { kernel: string, initrd: string }
function image.find(options, backend)
  local name = backend == "sev-snp" and "bzImage" or "vmlinux"
  return {
    kernel = find(options.kernel, "KAVACH_KERNEL", name, "/var/lib/kavach/vmlinuz-sev"),
    initrd = find(options.initrd, "KAVACH_INITRD", "initramfs.cpio",
      "/var/lib/kavach/initramfs.cpio"),
  }
end

local function check_initrd(path)
  local file <close>, why = core.file_open(path)
  if not file then return nil, why end
  local head, unreadable = file:read(1)
  if not head then return nil, ("%s: %s"):format(path, unreadable or "the file is empty") end
  return true
end

---The memory below which a guest of these files certainly does not boot: what the kernel and the
---initramfs take while both stand there as they were loaded.
---@param files { kernel: string, initrd: string }
---@return integer MiB; less, perhaps 0, if the files do not tell
function image.least_mb(files)
  local file <close> = core.file_open(files.initrd)
  local size = file and file:seek "end" or 0
  return (kernel.memory_end(files.kernel) + size + MIB - 1) // MIB
end

---Checks that a guest of these files has memory enough to boot: with less than they take it may
---stand still for ever, without a word.
---@param files { kernel: string, initrd: string }
---@param memory_mb integer
---@return boolean? true
---@return kavach.Error?
function image.check_memory(files, memory_mb)
  local least = image.least_mb(files)
  if memory_mb >= least then return true end
  return refusal("memory_limit_mb", ("= %d (--memory) is too little to boot: the guest's kernel "
    .. "and initramfs alone take %d MiB; %d are enough for kavach's own"):format(memory_mb, least,
    image.ENOUGH_MB))
end

---Checks that the files are there and are what they should be.
---@param files { kernel: string, initrd: string }
---@param backend? string
---@return boolean? true
---@return kavach.Error?
function image.check(files, backend)
  local ok, why = kernel.check(files.kernel, backend)
  if not ok then
    return err.fail("creation_failed", "the guest's kernel: " .. why,
      { op = "sandbox", path = files.kernel })
  end
  ok, why = check_initrd(files.initrd)
  if not ok then
    return err.fail("creation_failed", "the guest's initramfs: " .. why,
      { op = "sandbox", path = files.initrd })
  end
  return true
end

return image
