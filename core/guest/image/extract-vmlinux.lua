-- extract-vmlinux.lua BZIMAGE OUT: writes the ELF kernel that a bzImage carries compressed.
--
-- A guest without hardware virtualisation unpacks its own kernel in emulated
-- code, which takes longer than all the rest of its boot; QEMU can start the
-- bare ELF file through its PVH entry point, so we unpack it once, here.
--
-- Offsets are those of "The real-mode kernel header" in the kernel's
-- Documentation/arch/x86/boot.rst; payload_offset and payload_length exist
-- since boot protocol 2.08.

local function die(...)
  io.stderr:write("extract-vmlinux: ", string.format(...), "\n")
  os.exit(1)
end

local function read_all(path)
  local file, why = io.open(path, "rb")
  if not file then die("%s", why) end
  local bytes = file:read "a"
  file:close()
  if not bytes then die("%s: cannot be read", path) end
  return bytes
end

-- A field of the image: its offset counts from 0, string.unpack's from 1.
local function field(image, format, offset)
  return (string.unpack(format, image, offset + 1))
end

-- The compressed kernel, as it stands in the image.
local function payload_of(image, path)
  if #image < 0x250 or image:sub(0x202 + 1, 0x205 + 1) ~= "HdrS" then
    die("%s: not a bzImage (no HdrS at 0x202)", path)
  end
  local version = field(image, "<I2", 0x206)
  if version < 0x0208 then
    die("%s: boot protocol %d.%02d; 2.08 or later is needed", path, version >> 8, version & 0xff)
  end
  local setup_sects = field(image, "B", 0x1f1)
  if setup_sects == 0 then setup_sects = 4 end -- what 0 stands for, says the protocol
  -- The payload's offset counts from the protected-mode code, which follows
  -- the boot sector and the setup sectors.
  local first = (setup_sects + 1) * 512 + field(image, "<I4", 0x248)
  local length = field(image, "<I4", 0x24c)
  if length < 8 or first + length > #image then
    die("%s: its payload (%d bytes at %d) ends after the file does", path, length, first)
  end
  return image:sub(first + 1, first + length)
end

-- How each compression starts, what unpacks it, and whether the kernel's build
-- put the unpacked size, four bytes, behind the stream (gzip's format ends
-- with that size anyway, so there it stays).
local formats = {
  { magic = "\xfd7zXZ\0", tool = "xz", command = "xz -dc", sized = true },
  { magic = "\x28\xb5\x2f\xfd", tool = "zstd", command = "zstd -dcq", sized = true },
  { magic = "\x02\x21\x4c\x18", tool = "lz4", command = "lz4 -dcq", sized = true },
  { magic = "\x1f\x8b", tool = "gzip", command = "gzip -dc", sized = false },
}

local function format_of(payload, path)
  for _, format in ipairs(formats) do
    if payload:sub(1, #format.magic) == format.magic then return format end
  end
  die("%s: its payload starts with %s: no compression known here", path,
    (payload:sub(1, 6):gsub(".", function(c) return ("%02x"):format(c:byte()) end)))
end

local function quoted(word)
  return "'" .. word:gsub("'", [['\'']]) .. "'"
end

-- Where the ELF file ends: behind its segments and its section headers. The
-- image appends the relocations for a randomised address, which nobody reads here.
local function elf_length(elf, path)
  if elf:sub(1, 6) ~= "\x7fELF\2\1" then die("%s: its payload is no 64-bit ELF file", path) end
  local phoff, shoff = string.unpack("<I8I8", elf, 0x20 + 1)
  local phentsize, phnum, shentsize, shnum = string.unpack("<I2I2I2I2", elf, 0x36 + 1)
  local last = math.max(phoff + phentsize * phnum, shoff + shentsize * shnum)
  for i = 0, phnum - 1 do
    local offset = field(elf, "<I8", phoff + i * phentsize + 0x08)
    local size = field(elf, "<I8", phoff + i * phentsize + 0x20)
    last = math.max(last, offset + size)
  end
  if last > #elf then die("%s: its ELF file is cut short", path) end
  return last
end

local source, target = ...
if not target then die("usage: lua5.4 extract-vmlinux.lua BZIMAGE OUT") end

local payload = payload_of(read_all(source), source)
local format = format_of(payload, source)
local size
if format.sized then
  size = field(payload, "<I4", #payload - 4)
  payload = payload:sub(1, -5)
end

local function write_all(path, bytes)
  local file, why = io.open(path, "wb")
  if not file then die("%s", why) end
  local ok, failed = file:write(bytes)
  local closed, late = file:close()
  if not (ok and closed) then die("%s: %s", path, failed or late) end
end

-- By way of a file: were it fed by a pipe, an unpacker that gives up early
-- would take this program with it, without a word of ours.
local packed = target .. ".packed"
write_all(packed, payload)
local unpacked = os.execute(("%s < %s > %s"):format(format.command, quoted(packed), quoted(target)))
os.remove(packed)
if not unpacked then
  os.remove(target)
  die("%s: %s could not unpack the payload", source, format.tool)
end

local elf = read_all(target)
if size and #elf ~= size then
  die("%s: unpacked %d bytes, its header promises %d", source, #elf, size)
end
write_all(target, elf:sub(1, elf_length(elf, source)))
