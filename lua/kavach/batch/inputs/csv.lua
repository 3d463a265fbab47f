--- RFC 4180: fields that may stand in quotes, with separators, newlines and doubled quotes in them.

local M = {}

---Whether a text ends outside quotes, so that a record may end there.
---@param text string
---@return boolean
function M.is_whole(text)
  local _, quotes = text:gsub('"', "")
  return quotes % 2 == 0
end

-- The field in quotes that begins at `at`: it, and where what follows it begins.
local function quoted(record, at)
  local from = at + 1
  while true do
    local found = record:find('"', from, true)
    if not found then return nil, "a quote is not closed" end
    if record:byte(found + 1) ~= 34 then
      return (record:sub(at + 1, found - 1):gsub('""', '"')), found + 1
    end
    from = found + 2
  end
end

local function plain(record, at, separator)
  local stop = record:find(separator, at, true) or #record + 1
  local field = record:sub(at, stop - 1)
  if field:find('"', 1, true) then
    return nil, 'a quote in a field that has none around it (write "…""…")'
  end
  return field, stop
end

---The fields of one record.
---@param record string without its newline
---@param separator string one byte
---@return string[]?
---@return string? message
function M.fields(record, separator)
  record = record:gsub("\r$", "")
  local fields, at = {}, 1
  while true do
    local field, after
    if record:byte(at) == 34 then
      field, after = quoted(record, at)
    else
      field, after = plain(record, at, separator)
    end
    if not field then return nil, after end
    fields[#fields + 1] = field
    if after > #record then return fields end
    if record:sub(after, after) ~= separator then
      return nil, "something follows the closing quote of a field"
    end
    at = after + 1
  end
end

return M
