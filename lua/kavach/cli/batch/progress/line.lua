--- One line of a display: pieces side by side, cut where the terminal ends.

local width = require "kavach.width"

---@class kavach.batch.Line
---@field taken integer cells
local Line = {}
Line.__index = Line

---@param style kavach.batch.Style
---@param room integer cells
---@return kavach.batch.Line
local function new(style, room)
  return setmetatable({ style = style, room = room, taken = 0, parts = {} }, Line)
end

--- A piece of text, in a colour perhaps.
---@param text string of visible characters
---@param colour? string
---@return kavach.batch.Line
function Line:add(text, colour)
  local cut, taken = width.cut(text, self.room - self.taken, self.style.signs.more)
  if taken > 0 then
    self.parts[#self.parts + 1] = self.style:paint(cut, colour)
    self.taken = self.taken + taken
  end
  return self
end

--- A piece of text in exactly so many cells, as far as there is room.
---@param text string
---@param size integer
---@param colour? string
---@return kavach.batch.Line
function Line:fit(text, size, colour)
  return self:add(width.fit(text, size, self.style.signs.more), colour)
end

function Line:__tostring() return table.concat(self.parts) end

return new
