--- A line: first in, first out.

---@class kavach.batch.line
---@field first integer
---@field last integer one less than `first` if it is empty
local Line = {}
Line.__index = Line

local M = {}

---@return kavach.batch.line
function M.new() return setmetatable({ first = 1, last = 0 }, Line) end

function Line:is_empty() return self.first > self.last end

---@return integer
function Line:count() return self.last - self.first + 1 end

---@param item any
function Line:append(item)
  self.last = self.last + 1
  self[self.last] = item
end

---@return any item the first; nil if it is empty
function Line:peek() return self[self.first] end

---Takes the first; it must not be empty.
---@return any item
function Line:shift()
  local item = self[self.first]
  self[self.first] = nil
  self.first = self.first + 1
  return item
end

---Takes a certain one out; what is behind it moves up.
---@param item any
---@return boolean whether it was there
function Line:remove(item)
  for i = self.first, self.last do
    if self[i] == item then
      table.move(self, i + 1, self.last + 1, i)
      self.last = self.last - 1
      return true
    end
  end
  return false
end

return M
