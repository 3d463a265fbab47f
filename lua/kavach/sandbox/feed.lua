--- Gives a command its standard input: bytes, or what a stream's read() brings.

local err = require "kavach.err"
local task = require "kavach.task"
local wire = require "kavach.sandbox.wire"

---@class kavach.sandbox.feeder
---@field failure? kavach.Error what was wrong with the source: the command was killed, since what
--- it had got was not all
local Feeder = {}
Feeder.__index = Feeder

local function fail(self, command, why)
  self.failure = err.is(why) and why or err.new("io", "standard input: " .. tostring(why))
  command:kill()
end

local function send(self, command, source)
  if type(source) == "string" then
    if not command:write(source) then return end
  else
    while true do
      local bytes, why = source:read(wire.DATA_MAX)
      if not bytes and why then return fail(self, command, why) end
      -- A command that reads no more is not an error: it may have seen enough.
      if not bytes or not command:write(bytes) then break end
    end
  end
  command:close_stdin()
end

function Feeder:__close()
  if self.task then self.task:cancel() end
end

---Starts to feed; what it returns ends that when it is closed.
---@param command kavach.command
---@param source string|table|userdata
---@return kavach.sandbox.feeder
return function(command, source)
  local self = setmetatable({}, Feeder)
  -- What the first window takes is sent at once, ahead of the boot.
  if type(source) == "string" and #source <= wire.STDIN_WINDOW then
    send(self, command, source)
  else
    self.task = task.spawn(send, self, command, source)
  end
  return self
end
