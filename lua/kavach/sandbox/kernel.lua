-- A guest's kernel as a file: whether QEMU can start it, and how much memory it needs before it can
-- look at what there is.

local core = require "kavach.core"

local kernel = {}

local function read_at(file, offset, count)
  if offset < 0 or not file:seek("set", offset) then return "" end
  return file:read(count) or ""
end

-- ---- ELF ---------------------------------------------------------------------------------------

local PT_LOAD <const>, PT_NOTE <const> = 1, 4
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

-- Of its program headers those that can be read, one after the other.
local function segments(file, head)
  local offset = string.unpack("<i8", head, 33)
  local size, count = string.unpack("<I2I2", head, 55)
  local i = -1
  return function()
    while i + 1 < count do
      i = i + 1
      local entry = offset >= 0 and read_at(file, offset + i * size, 56) or ""
      if #entry == 56 then
        local kind, _, at, _, address, length, memory = string.unpack("<I4I4i8i8i8i8i8", entry)
        return { kind = kind, at = at, address = address, length = length, memory = memory }
      end
    end
  end
end

local function check_elf(file, head)
  if #head < 64 or head:byte(5) ~= 2 or head:byte(6) ~= 1
    or string.unpack("<I2", head, 19) ~= EM_X86_64 then
    return nil, "an ELF file, but not one for x86-64"
  end
  for segment in segments(file, head) do
    if segment.kind == PT_NOTE
      and has_pvh(read_at(file, segment.at, math.min(segment.length & 0xffffffff, NOTES_MAX))) then
      return true
    end
  end
  return nil, "an ELF file without the PVH entry point by which QEMU starts a kernel"
end

-- arch/x86/kernel/vmlinux.lds.S of the kernel: behind its end, aligned, .init.scratch has two huge
-- pages that only a host with SME uses.
local SCRATCH <const> = 3 * 2 * 1024 * 1024

local function end_of_elf(file, head)
  local last = 0
  for segment in segments(file, head) do
    if segment.kind == PT_LOAD and segment.address >= 0 and segment.memory > 0 then
      last = math.max(last, segment.address + segment.memory)
    end
  end
  return math.max(last - SCRATCH, 0)
end

-- ---- bzImage -----------------------------------------------------------------------------------

-- Documentation/arch/x86/boot.rst of the kernel: what tells of init_size is of version 2.10.
local HEAD <const> = 0x264
local SIZED <const> = 0x20a

local function is_bzimage(head) return head:sub(0x203, 0x206) == "HdrS" end

local function end_of_bzimage(head)
  if #head < HEAD or string.unpack("<I2", head, 0x207) < SIZED then return 0 end
  local start, size = string.unpack("<i8I4", head, 0x259)
  return start >= 0 and start + size or 0
end

-- ---- either ------------------------------------------------------------------------------------

local function is_elf(head) return head:sub(1, 4) == "\x7fELF" end

---Whether QEMU can start a kernel.
---@param path string
---@param backend? string
---@return boolean? true
---@return string? why it cannot, with the path
function kernel.check(path, backend)
  local file <close>, why = core.file_open(path)
  if not file then return nil, why end
  local head, unreadable = file:read(HEAD)
  if not head then
    return nil, ("%s: %s"):format(path, unreadable or "the file is empty")
  end
  if is_elf(head) then
    if backend == "sev-snp" then
      return nil, ("%s: it is an ELF vmlinux, which QEMU cannot measure: give its bzImage"):format(
        path)
    end
    local ok, not_elf = check_elf(file, head)
    if not ok then return nil, ("%s: it is %s"):format(path, not_elf) end
    return true
  end
  if is_bzimage(head) then return true end
  return nil, ("%s: it is not a Linux kernel (neither a bzImage nor an ELF vmlinux)"):format(path)
end

---Where in memory a kernel ends that has been loaded: with less memory it cannot say a word.
---@param path string
---@return integer bytes 0 if that cannot be told, or the file not be read
function kernel.memory_end(path)
  local file <close> = core.file_open(path)
  local head = file and file:read(HEAD) or ""
  if is_bzimage(head) then return end_of_bzimage(head) end
  return is_elf(head) and check_elf(file, head) and end_of_elf(file, head) or 0
end

return kernel
