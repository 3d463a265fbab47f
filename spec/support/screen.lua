--- A terminal's screen, as far as displays use one: text, newlines, carriage returns, and the
--- sequences A (up), J and K (clear to the end of the screen, of the line) and m. It tells what
--- came that it does not know, and how often a line went on in the next row.

local width = require "kavach.width"

local Screen = {}
Screen.__index = Screen

---@param rows integer
---@param columns integer
local function new(rows, columns)
  local self = setmetatable({
    rows = rows, columns = columns, lines = { {} }, top = 1, row = 1, column = 1,
    wraps = 0, unknown = {}, writes = 0, bytes = 0,
  }, Screen)
  return self
end

function Screen:down()
  self.row, self.column = self.row + 1, 1
  self.lines[self.row] = self.lines[self.row] or {}
  self.top = math.max(self.top, self.row - self.rows + 1)
end

local function show(self, character)
  local cells = width.of(character)
  if cells == 0 then
    local before = math.max(self.column - 1, 1)
    self.lines[self.row][before] = (self.lines[self.row][before] or "") .. character
    return
  end
  if self.column + cells - 1 > self.columns then
    self.wraps = self.wraps + 1
    self:down()
  end
  self.lines[self.row][self.column] = character
  for i = 1, cells - 1 do self.lines[self.row][self.column + i] = "" end
  self.column = self.column + cells
end

local function clear_line(self)
  for column = self.column, self.columns do self.lines[self.row][column] = nil end
end

local sequences = {}

function sequences.A(self, count)
  self.row = math.max(self.row - math.max(count or 1, 1), self.top)
end

function sequences.J(self)
  clear_line(self)
  for row = self.row + 1, #self.lines do self.lines[row] = nil end
end

sequences.K = clear_line

function sequences.m() end

--- Takes what is written to it.
function Screen:write(bytes)
  self.writes, self.bytes = self.writes + 1, self.bytes + #bytes
  local at = 1
  while at <= #bytes do
    local number, kind, after = bytes:match("^\27%[(%d*)(%a)()", at)
    local character = bytes:match("^" .. utf8.charpattern, at)
    if kind and sequences[kind] then
      sequences[kind](self, math.tointeger(tonumber(number)))
    elseif character == "\n" then
      self:down()
    elseif character == "\r" then
      self.column = 1
    elseif character:find "%c" then
      self.unknown[#self.unknown + 1] = character
    else
      show(self, character)
    end
    at = kind and after or at + #character
  end
  return true
end

function Screen:unsent() return self.busy and 1 or 0 end

function Screen.wait() return true end

local function text_of(line, columns)
  local out = {}
  for column = 1, columns do out[column] = line[column] or " " end
  return (table.concat(out):gsub(" +$", ""))
end

--- All lines, also those that have gone off the top, but empty ones at the end.
function Screen:text()
  local out = {}
  for row = 1, #self.lines do out[row] = text_of(self.lines[row], self.columns) end
  while out[#out] == "" do out[#out] = nil end
  return out
end

return new
