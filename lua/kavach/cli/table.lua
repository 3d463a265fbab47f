--- Tables for a terminal, and what makes ages, sizes and texts short enough to stand in one.

local plain = require "kavach.plain"
local width = require "kavach.width"

local M = {}

local AGES <const> = { { 24 * 3600, "d" }, { 3600, "h" }, { 60, "m" }, { 1, "s" } }

--- "3h", "42s": as much as one wants to know.
---@param ms integer
---@return string
function M.age(ms)
  local seconds = ms // 1000
  for _, unit in ipairs(AGES) do
    if seconds >= unit[1] then return ("%d%s"):format(seconds // unit[1], unit[2]) end
  end
  return "0s"
end

local SIZES <const> = {
  { 1 << 30, "G", "%.1f" }, { 1 << 20, "M", "%.0f" }, { 1 << 10, "K", "%.0f" },
}

--- "74M", "1.5G": a size in binary units.
---@param bytes integer
---@return string
function M.size(bytes)
  for _, unit in ipairs(SIZES) do
    if bytes >= unit[1] then return unit[3]:format(bytes / unit[1]) .. unit[2] end
  end
  return bytes .. "B"
end

--- The text, or what it begins with and a mark, in at most `most` characters.
---@param text string UTF-8
---@param most integer
---@return string
function M.cut(text, most)
  if #text <= most or (utf8.len(text) or 0) <= most then return text end
  return text:sub(1, utf8.offset(text, most) - 1) .. "…"
end

--- Rows of cells in lines, each column as wide as its widest cell.
---@param rows string[][]
---@param columns integer? a line is cut to so many cells
---@return string
function M.text(rows, columns)
  local widths, lines = {}, {}
  for _, cells in ipairs(rows) do
    for i, cell in ipairs(cells) do
      widths[i] = math.max(widths[i] or 0, width.of(plain.text(cell)))
    end
  end
  for r, cells in ipairs(rows) do
    local line = {}
    for i, cell in ipairs(cells) do line[i] = width.fit(plain.text(cell), widths[i]) end
    local text = table.concat(line, "  "):gsub(" +$", "")
    lines[r] = (columns and width.cut(text, columns) or text) .. "\n"
  end
  return table.concat(lines)
end

--- Prints rows as `text` has them.
---@param rows string[][]
function M.print(rows)
  io.stdout:write(M.text(rows))
end

return M
