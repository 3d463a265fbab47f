-- Sockets in a VM's private directory that QEMU connects to, each once.

local core = require "kavach.core"
local pipe = require "kavach.sandbox.pipe"

---@class kavach.sockets
local sockets = {}
sockets.__index = sockets

---Listens on each of them.
---@param dir string
---@param handlers table<string, fun(stream: userdata)> by socket: who gets the connection
---@return kavach.sockets?
---@return string? why
function sockets.open(dir, handlers)
  local self = setmetatable({ handlers = handlers, listeners = {}, streams = {} }, sockets)
  for name in next, handlers do
    local listener, why = core.listen(dir .. "/" .. name)
    if not listener then
      self:close()
      return nil, why
    end
    self.listeners[name] = listener
  end
  return self
end

---Hands out the connections as they are made.
---@param on_failure fun(why: string)
function sockets:accept(on_failure)
  for name, listener in next, self.listeners do
    pipe.accept(listener, function(stream, why)
      listener:close()
      if not stream then return on_failure(("%s: %s"):format(name, tostring(why))) end
      self.streams[#self.streams + 1] = stream
      self.handlers[name](stream)
    end)
  end
end

---Closes the sockets and the connections.
function sockets:close()
  for _, listener in next, self.listeners do listener:close() end
  for _, stream in ipairs(self.streams) do stream:close() end
end

return sockets
