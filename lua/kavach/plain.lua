--- Text from elsewhere, made fit for a terminal, a log and JSON: what could move a cursor, hide or
--- reorder text, or is no UTF-8 is written as an escape.

local M = {}

local function escape_bytes(bytes)
  return (bytes:gsub(".", function(c) return ("\\x%02x"):format(c:byte()) end))
end

-- Control characters of both ranges; what changes the direction of text or has no width of its own.
local function is_hidden(c)
  return c < 0x20 or c >= 0x7f and c <= 0x9f or c == 0xad or c == 0x61c or c == 0xfeff
    or c >= 0x200b and c <= 0x200f or c >= 0x2028 and c <= 0x202e or c >= 0x2060 and c <= 0x206f
    or c >= 0xfff9 and c <= 0xfffb or c >= 0xe0000 and c <= 0xe0fff
end

-- A run of bytes that are not plain ASCII.
local function escape_run(run)
  if not utf8.len(run) then return escape_bytes(run) end
  local out = {}
  for _, c in utf8.codes(run) do
    out[#out + 1] = not is_hidden(c) and utf8.char(c)
      or (c < 0x80 and "\\x%02x" or "\\u{%x}"):format(c)
  end
  return table.concat(out)
end

--- The text in one line of visible characters. A backslash stays as it is: the result is for people
--- and not for reading back.
---@param text string
---@return string
function M.text(text)
  if not text:find "[^\32-\126]" then return text end
  return (text:gsub("[^\32-\126]+", escape_run))
end

return M
