-- The end of what a command prints: bounded, and to be followed by many.

local waiters = require "kavach.sandbox.waiters"

-- Small pieces are joined, so that there are about so many: a command that prints single bytes must
-- not make tables of a million entries.
local PIECES <const> = 256

---@class kavach.control.log
---@field ended boolean no more will come
local log = {}
log.__index = log

---@param most integer bytes to keep, or a piece more
---@return kavach.control.log
function log.new(most)
  return setmetatable({
    most = most, pieces = {}, first = 1, last = 0, size = 0,
    total = 0, -- bytes that ever came: what is kept ends there
    ended = false, changed = waiters.new(),
  }, log)
end

---@param bytes string
function log:append(bytes)
  if bytes == "" then return end
  local tail = self.pieces[self.last]
  if tail and #tail + #bytes <= self.most // PIECES then
    self.pieces[self.last] = tail .. bytes
  else
    self.last = self.last + 1
    self.pieces[self.last] = bytes
  end
  self.size, self.total = self.size + #bytes, self.total + #bytes
  while self.size - #self.pieces[self.first] >= self.most do
    self.size = self.size - #self.pieces[self.first]
    self.pieces[self.first] = nil
    self.first = self.first + 1
  end
  self.changed:wake()
end

---No more will come.
function log:finish()
  self.ended = true
  self.changed:wake()
end

---What came after the first `seen` bytes, as far as it is kept.
---@param seen integer
---@return string bytes
---@return integer seen from now on
---@return integer lost bytes that are not kept any more
function log:since(seen)
  local at = self.total
  local parts = {}
  for i = self.last, self.first, -1 do
    if at <= seen then break end
    at = at - #self.pieces[i]
    parts[#parts + 1] = self.pieces[i]
  end
  local ordered = {}
  for i = #parts, 1, -1 do ordered[#ordered + 1] = parts[i] end
  local bytes = table.concat(ordered)
  if at < seen then return bytes:sub(seen - at + 1), self.total, 0 end
  return bytes, self.total, at - seen
end

return log
