-- The end of a text that comes in pieces and may be anything: a guest's console, QEMU's stderr.

local waiters = require "kavach.sandbox.waiters"

local console = {}
console.__index = console

local LINE_MAX <const> = 512

---@class kavach.console
---@field panic? string the line with which the guest's kernel gave up

---@param keep integer how many lines
---@return kavach.console
function console.new(keep)
  return setmetatable({
    keep = keep, ring = {}, count = 0, partial = "", changed = waiters.new(),
  }, console)
end

-- Nothing that a terminal would take for a command: what is not printable becomes \xNN.
local function printable(line)
  line = line:gsub("\27%[[%d;?]*%a", ""):gsub("\r", "") -- what kernels and firmware colour with
  if utf8.len(line) then
    -- C1 controls are two bytes in UTF-8, and some terminals obey them too.
    return (line:gsub("[%c\127]", function(c)
      return c == "\t" and " " or ("\\x%02x"):format(c:byte())
    end):gsub("\194([\128-\159])", function(c) return ("\\x%02x"):format(c:byte()) end))
  end
  return (line:gsub("[^\32-\126]", function(c)
    return c == "\t" and " " or ("\\x%02x"):format(c:byte())
  end))
end
console.printable = printable

local function add(self, line)
  if line:find("Kernel panic", 1, true) then self.panic = printable(line) end
  self.count = self.count + 1
  self.ring[(self.count - 1) % self.keep + 1] = line
  self.changed:wake()
end

---@param bytes string
function console:feed(bytes)
  local from = 1
  while true do
    local at = bytes:find("\n", from, true)
    local piece = bytes:sub(from, at and at - 1)
    local room = LINE_MAX - #self.partial
    if room > 0 and piece ~= "" then self.partial = self.partial .. piece:sub(1, room) end
    if not at then return end
    add(self, self.partial)
    self.partial = ""
    from = at + 1
  end
end

---The last lines, oldest first, fit to be printed; an unfinished one counts.
---@return string[]
function console:lines()
  local lines = {}
  for i = math.max(1, self.count - self.keep + 1), self.count do
    lines[#lines + 1] = printable(self.ring[(i - 1) % self.keep + 1])
  end
  if self.partial ~= "" then lines[#lines + 1] = printable(self.partial) end
  if #lines > self.keep then table.remove(lines, 1) end
  return lines
end

---The whole lines that came after the first `seen`, as far as they are kept, fit to be printed.
---@param seen integer
---@return string[] lines
---@return integer count what is seen now
function console:since(seen)
  local lines = {}
  for i = math.max(seen, self.count - self.keep) + 1, self.count do
    lines[#lines + 1] = printable(self.ring[(i - 1) % self.keep + 1])
  end
  return lines, self.count
end

return console
