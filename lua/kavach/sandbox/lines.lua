-- What a guest prints, as lines that are fit for a terminal, as they become whole.

local printable = require("kavach.sandbox.console").printable

local LINE_MOST <const> = 64 * 1024

---@class kavach.lines
local lines = {}
lines.__index = lines

---@return kavach.lines
function lines.new() return setmetatable({ rest = "" }, lines) end

---Takes the next bytes.
---@param bytes string
---@return string whole the lines that have become whole, each with its newline
function lines:feed(bytes)
  local text, out, at = self.rest .. bytes, {}, 1
  while true do
    local ending = text:find("\n", at, true)
    if not ending then break end
    out[#out + 1] = printable(text:sub(at, ending - 1)) .. "\n"
    at = ending + 1
  end
  self.rest = text:sub(at)
  if #self.rest > LINE_MOST then out[#out + 1] = self:finish() end
  return table.concat(out)
end

---@return string unfinished what was left without a newline
function lines:finish()
  local text = printable(self.rest)
  self.rest = ""
  return text
end

return lines
