--- Tar archives made by hand, right and wrong ones.

local M = {}

local TYPES <const> = {
  file = "0", hard = "1", symlink = "2", char = "3", block = "4", folder = "5", fifo = "6",
}

local function field(bytes, size) return bytes .. ("\0"):rep(size - #bytes) end

--- A record of 512 bytes, as GNU tar's manual has it under "Basic Tar Format", and the bytes of
--- the entry, padded. `type` is a name from above or a type flag; `bytes` are those of a file;
--- `size` is what the header says of them, if not the truth.
function M.entry(e)
  local bytes = e.bytes or ""
  local size = e.size or #bytes
  local octal = size >= 0 and size < 1 << 33 and ("%011o\0"):format(size)
    or string.pack(">I4i8", size < 0 and 0xffffffff or 0x80000000, size)
  local head = field(e.name, 100) .. ("%07o\0%07o\0%07o\0"):format(e.mode or 420, e.uid or 0, 0)
    .. octal .. ("%011o\0"):format(e.mtime or 0)
  local tail = (TYPES[e.type or "file"] or e.type) .. field(e.target or "", 100) .. "ustar  \0"
    .. field("", 32) .. field("", 32) .. ("%07o\0%07o\0"):format(1, 3)
  tail = field(tail, 512 - 148 - 8)
  local sum = 8 * 32
  for i = 1, #head do sum = sum + head:byte(i) end
  for i = 1, #tail do sum = sum + tail:byte(i) end
  return head .. ("%06o\0 "):format(sum) .. tail .. bytes .. ("\0"):rep(-#bytes % 512)
end

--- A whole archive: strings stand for themselves, tables are entries.
function M.archive(list)
  local parts = {}
  for i, e in ipairs(list) do parts[i] = type(e) == "string" and e or M.entry(e) end
  return table.concat(parts) .. ("\0"):rep(1024)
end

return M
