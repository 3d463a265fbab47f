--- How a record becomes columns: --colsep, --csv.

local csv = require "kavach.batch.inputs.csv"

local M = {}

local ESCAPES <const> = { t = "\t", n = "\n", ["\\"] = "\\" }

---What --colsep stands for. It is a text, not a pattern, but `\t` is a tab and `\s+` is blanks.
---@param text string
---@return string|true|nil separator true: blanks
---@return string? message
function M.separator(text)
  if text == "" then return nil, "--colsep is empty" end
  if text == "\\s+" then return true end
  local unknown
  local separator = text:gsub("\\(.?)", function(c)
    if not ESCAPES[c] and not c:find "%p" then unknown = unknown or "\\" .. c end
    return ESCAPES[c] or c
  end)
  if unknown then
    return nil, ("--colsep: '%s' means nothing: it is a text, in which \\t is a tab, or \\s+ for "
      .. "blanks"):format(unknown)
  end
  return separator
end

local function at_blanks(record)
  local fields = {}
  for field in record:gmatch "[^ \t]+" do fields[#fields + 1] = field end
  return fields
end

local function at_text(record, separator)
  local fields, from = {}, 1
  while true do
    local first, last = record:find(separator, from, true)
    fields[#fields + 1] = record:sub(from, (first or 0) - 1)
    if not first then return fields end
    from = last + 1
  end
end

local function whole(record) return { record } end

---@param options { csv: boolean?, colsep: string? }
---@return (fun(record: string): string[]?, string?)? columns of a record; nil and what is wrong
---@return string? message
function M.make(options)
  local separator, message
  if options.colsep then
    separator, message = M.separator(options.colsep)
    if not separator then return nil, message end
  end
  if options.csv then
    separator = separator or ","
    if separator == true or #separator ~= 1 or separator:find '["\r\n]' then
      return nil, "--colsep: columns of --csv are separated by one byte"
    end
    return function(record) return csv.fields(record, separator) end
  end
  if separator == true then return at_blanks end
  if separator then return function(record) return at_text(record, separator) end end
  return whole
end

return M
