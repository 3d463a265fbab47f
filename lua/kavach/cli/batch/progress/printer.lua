--- A stream to what is printed above the block: lines, made fit for the terminal.

local M = {}

local LINE_MOST <const> = 64 * 1024
local ABOVE_MOST <const> = 256 * 1024

---@class kavach.batch.Printer
local Printer = {}
Printer.__index = Printer

---@param display kavach.batch.Progress
---@return kavach.batch.Printer
function M.new(display)
  return setmetatable({ display = display, rest = "" }, Printer)
end

--- Its whole lines are printed; the rest waits for more.
---@param bytes string
---@return true? done, kavach.Error? error
function Printer:write(bytes)
  local lines, rest = bytes:match "^(.*\n)(.*)$"
  if lines then
    self.display:put(self.display.style:lines(self.rest .. lines))
    self.rest = rest
  else
    self.rest = self.rest .. bytes
  end
  if #self.rest > LINE_MOST then self:break_line() end
  if self.display.out.lost then return nil, self.display.out.lost end
  return true
end

--- Ends a line that is not ended.
function Printer:break_line()
  if self.rest == "" then return end
  self.display:put(self.display.style:lines(self.rest .. "\n"))
  self.rest = ""
end

---@return integer bytes that are not on the terminal yet
function Printer:unsent()
  return self.display.above_bytes + self.display.out:unsent()
end

--- Waits until the terminal has taken what there is, but for so many bytes.
---@param most? integer
---@return true? done, kavach.Error? error
function Printer:wait(most)
  most = most or ABOVE_MOST
  if self:unsent() <= most then return true end
  self.display:draw(true)
  return self.display.out:wait(most)
end

return M
