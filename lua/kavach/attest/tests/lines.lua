--- Which lines of a policy can run, and which have: from what its VM notes (core/rules/vm.h).

local M = {}

-- lundump.h of Lua 5.4: signature, version, format, LUAC_DATA, three sizes, an integer, a number;
-- then the number of the main function's upvalues.
local HEADER <const> = 4 + 1 + 1 + 6 + 3 + 8 + 8 + 1
-- Sizes of constants' bodies by their tags (lobject.h): floats and integers; texts have their own.
local FLOAT <const>, INTEGER <const> = 0x13, 0x03
local SHORT_TEXT <const>, LONG_TEXT <const> = 0x04, 0x14
local ABSOLUTE <const> = -0x80 -- ldebug.h: the line is in a list of its own
local INSTRUCTION <const> = 4

-- ---- reading -----------------------------------------------------------------------------------

local Reader = {}
Reader.__index = Reader

function Reader:byte()
  local value = ("B"):unpack(self.bytes, self.at)
  self.at = self.at + 1
  return value
end

-- Seven bits a byte, the highest first; the last has its top bit set.
function Reader:number()
  local value = 0
  while true do
    local byte = self:byte()
    value = value << 7 | byte & 0x7f
    if byte & 0x80 ~= 0 then return value end
  end
end

function Reader:skip(count)
  self.at = self.at + count
  if self.at > #self.bytes + 1 then error "bytecode that ends too early" end
end

function Reader:text()
  local size = self:number()
  if size > 0 then self:skip(size - 1) end
end

function Reader:constants()
  for _ = 1, self:number() do
    local tag = self:byte()
    if tag == FLOAT or tag == INTEGER then
      self:skip(8)
    elseif tag == SHORT_TEXT or tag == LONG_TEXT then
      self:text()
    end
  end
end

-- Adds the lines of a function's instructions. Its last one returns to the caller where no
-- statement has: on the line of its `end`, which says nothing.
function Reader:lines(first, into)
  local deltas = {}
  for i = 1, self:number() do
    local delta = self:byte()
    deltas[i] = delta < 0x80 and delta or delta - 0x100
  end
  local absolute = {}
  for _ = 1, self:number() do
    local at = self:number()
    absolute[at] = self:number()
  end
  local line = first
  for i, delta in ipairs(deltas) do
    line = delta == ABSOLUTE and absolute[i - 1] or line + delta
    if i < #deltas and not (self.vararg and i == 1) then into[line] = true end
  end
end

function Reader:code(into)
  self:text()
  local first = self:number()
  self:number()
  self:byte()
  local vararg = self:byte() ~= 0
  self:byte()
  self:skip(self:number() * INSTRUCTION)
  self:constants()
  self:skip(self:number() * 3) -- upvalues
  for _ = 1, self:number() do self:code(into) end
  self.vararg = vararg
  self:lines(first, into)
  for _ = 1, self:number() do -- locals
    self:text()
    self:number()
    self:number()
  end
  for _ = 1, self:number() do self:text() end -- names of upvalues
end

-- ---- both --------------------------------------------------------------------------------------

local function unhex(digits)
  return (digits:gsub("%x%x", function(pair) return string.char(tonumber(pair, 16)) end))
end

--- The lines of a file with something in them that can run.
---@param code string bytecode, in hex
---@return table<integer, boolean>
function M.runnable(code)
  local into = {}
  local reader = setmetatable({ bytes = unhex(code), at = 1 }, Reader)
  reader:skip(HEADER)
  reader:code(into)
  return into
end

--- Adds the lines that have run.
---@param hits string a bit for each line, in hex
---@param into table<integer, boolean>
function M.add_hits(hits, into)
  for at = 1, #hits, 2 do
    local byte = tonumber(hits:sub(at, at + 1), 16)
    for bit = 0, 7 do
      if byte & 1 << bit ~= 0 then into[(at // 2) * 8 + bit] = true end
    end
  end
end

return M
