--- Text of several lines, line by line, as it would look but for what a terminal would obey.

local plain = require "kavach.plain"
local scalars = require "kavach.prompt.show.scalars"
local width = require "kavach.width"

local M = {}

local TAB <const>, BYTES_MOST <const> = 8, 64 * 1024

local function line_text(line, columns)
  local out, taken = {}, 0
  for part, tab in line:gmatch "([^\t]*)(\t?)" do
    local visible = plain.text(part)
    out[#out + 1], taken = visible, taken + width.of(visible)
    if tab ~= "" then
      out[#out + 1] = (" "):rep(TAB - taken % TAB)
      taken = taken + #out[#out]
    end
    if taken > columns then break end
  end
  return (width.cut(table.concat(out), columns))
end

--- The text's lines, each cut to so many cells, and so many lines at the most.
---@param text string
---@param columns integer
---@param most integer
---@return string[]
---@return boolean cut whether some are missing
function M.lines(text, columns, most)
  local head, lines = scalars.head(text, BYTES_MOST), {}
  for line in head:gmatch "([^\n]*)\n?" do
    if #lines == most then return lines, true end
    lines[#lines + 1] = line_text(line:gsub("\r$", ""), columns)
  end
  return lines, #head < #text
end

--- "3 lines, 1 204 bytes"
---@param text string
---@return string
function M.measure(text)
  if #text > BYTES_MOST then return scalars.size(text) end
  local _, count = text:gsub("\n", "")
  if text:sub(-1) ~= "\n" then count = count + 1 end
  return ("%d line%s, %s"):format(count, count == 1 and "" or "s", scalars.size(text))
end

return M
