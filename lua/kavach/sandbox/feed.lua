-- Gives a command its standard input: bytes, or what a stream's read() brings.

local task = require "kavach.task"
local wire = require "kavach.sandbox.wire"

-- Raises what is wrong with the source.
local function send(command, source)
  if type(source) == "string" then
    if not command:write(source) then return end
  else
    while true do
      local bytes, why = source:read(wire.DATA_MAX)
      if not bytes and why then
        command:close_stdin()
        error(why, 0) -- or what it got would pass for all
      end
      -- A command that reads no more is not an error: it may have seen enough.
      if not bytes or not command:write(bytes) then break end
    end
  end
  command:close_stdin()
end

---Starts to feed; what it returns ends that when it is closed.
---@param command kavach.command
---@param source string|table|userdata
---@return table?
return function(command, source)
  -- What the first window takes is sent at once, ahead of the boot.
  if type(source) == "string" and #source <= wire.STDIN_WINDOW then
    send(command, source)
    return nil
  end
  local feeder = task.spawn(send, command, source)
  return setmetatable({}, { __close = function() feeder:cancel() end })
end
