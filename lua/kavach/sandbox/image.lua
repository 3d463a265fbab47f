-- Which kernel and which initramfs a guest boots, and whether they can be that.

local core = require "kavach.core"
local config = require "kavach.sandbox.config"
local err = require "kavach.err"

local image = {}

-- The build tree has guest/ beside lib/kavach/, an installation has it in share/.
local function places()
  local library = core.helper_dir()
  return {
    library:gsub("/lib/kavach$", "") .. "/guest",
    library:gsub("/lib/kavach$", "") .. "/share/kavach/guest",
  }
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

local function read_at(file, offset, count)
  if not file:seek("set", offset) then return "" end
  return file:read(count) or ""
end

local PT_NOTE <const> = 4
local XEN_ELFNOTE_PHYS32_ENTRY <const> = 18
local EM_X86_64 <const> = 62
local NOTES_MAX <const> = 64 * 1024

-- Whether a segment of notes (System V ABI, "Note Section") has the PVH entry point, by which QEMU
-- starts an ELF kernel (Xen's "x86/HVM direct boot ABI").
local function has_pvh(notes)
  local at = 1
  while at + 12 <= #notes + 1 do
    local name_size, value_size, kind = string.unpack("<I4I4I4", notes, at)
    local name = notes:sub(at + 12, at + 11 + name_size)
    if name == "Xen\0" and kind == XEN_ELFNOTE_PHYS32_ENTRY then return true end
    at = at + 12 + (name_size + 3) // 4 * 4 + (value_size + 3) // 4 * 4
  end
  return false
end

local function check_elf(file, head)
  if #head < 64 or head:byte(5) ~= 2 or head:byte(6) ~= 1
    or string.unpack("<I2", head, 19) ~= EM_X86_64 then
    return nil, "an ELF file, but not one for x86-64"
  end
  local offset = string.unpack("<i8", head, 33)
  local size, count = string.unpack("<I2I2", head, 55)
  for i = 0, count - 1 do
    local entry = offset >= 0 and read_at(file, offset + i * size, 56) or ""
    if #entry == 56 and string.unpack("<I4", entry) == PT_NOTE then
      local at, _, _, length = string.unpack("<i8I8I8I8", entry, 9)
      if at >= 0 and has_pvh(read_at(file, at, math.min(length & 0xffffffff, NOTES_MAX))) then
        return true
      end
    end
  end
  return nil, "an ELF file without the PVH entry point by which QEMU starts a kernel"
end

-- Documentation/arch/x86/boot.rst of the kernel: "HdrS" at 0x202.
local function check_kernel(path, backend)
  local file <close>, why = core.file_open(path)
  if not file then return nil, why end
  local head, unreadable = file:read(0x206)
  if not head then
    return nil, ("%s: %s"):format(path, unreadable or "the file is empty")
  end
  if head:sub(1, 4) == "\x7fELF" then
    if backend == "sev-snp" then
      return nil, ("%s: it is an ELF vmlinux, which QEMU cannot measure: give its bzImage"):format(
        path)
    end
    local ok, not_elf = check_elf(file, head)
    if not ok then return nil, ("%s: it is %s"):format(path, not_elf) end
    return true
  end
  if head:sub(0x203, 0x206) == "HdrS" then return true end
  return nil, ("%s: it is not a Linux kernel (neither a bzImage nor an ELF vmlinux)"):format(path)
end

local function check_initrd(path)
  local file <close>, why = core.file_open(path)
  if not file then return nil, why end
  local head, unreadable = file:read(1)
  if not head then return nil, ("%s: %s"):format(path, unreadable or "the file is empty") end
  return true
end

---Checks that the files are there and are what they should be.
---@param files { kernel: string, initrd: string }
---@param backend? string
---@return boolean? true
---@return kavach.Error?
function image.check(files, backend)
  local ok, why = check_kernel(files.kernel, backend)
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
