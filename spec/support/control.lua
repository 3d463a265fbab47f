--- A server of the control protocol on a socket of its own, and clients of it, all in this process.

local connection = require "kavach.sandbox.control.connection"
local core = require "kavach.core"
local host = require "support.host"
local server = require "kavach.sandbox.control.server"
local stream = require "kavach.stream"

local M = {}

---@return table served with fields path, server, and methods connect, raw, close
function M.serve()
  local folder, remove = host.folder()
  local self = { folder = folder }
  self.path = folder .. "/control.sock"
  local listener = assert(core.listen(self.path))
  self.server = server.new(listener, { serves = true })
  local made = {}
  local function serve()
    self.server:accept()
    if not listener:is_closed() then listener:wait_read(serve) end
  end
  listener:wait_read(serve)

  --- A client that has been greeted.
  function self.connect()
    local client = connection.new(assert(core.connect(self.path)), { hello = {} })
    made[#made + 1] = client
    client.changed:until_true(function() return client.hello or client.lost end)
    return client
  end

  --- A bare connection: a kavach.Stream.
  function self.raw()
    local raw = assert(stream.connect(self.path))
    made[#made + 1] = raw
    return raw
  end

  function self.close()
    for _, each in ipairs(made) do each:close() end
    self.server:close(0)
    remove()
  end
  return self
end

return M
