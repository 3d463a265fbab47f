-- The control socket: how a process's sandboxes are reached from outside. frame.lua has the
-- protocol. Every run of the program listens from its first sandbox on; another host of Lua does
-- when it calls listen().

local core = require "kavach.core"
local err = require "kavach.err"
local hosts = require "kavach.sandbox.control.hosts"

local control = {}

local RETRY_MS <const> = 200

local listener, server, about

-- Loads the rest at the first connection: most hosts never have one.
local function serve(stream)
  local function on_connection()
    if stream:is_closed() then return end
    if not server then
      server = require("kavach.sandbox.control.server").new(stream, about)
      require "kavach.sandbox.control.methods"
    end
    if server:accept() then
      core.timer(RETRY_MS, on_connection)
    elseif not stream:is_closed() then
      stream:wait_read(on_connection)
    end
  end
  stream:wait_read(on_connection)
end

---Listens on this process's control socket, if it does not yet.
---@param options? { serves?: boolean } serves: the process ends with its sandbox
---@return boolean? true
---@return kavach.Error?
function control.listen(options)
  if options then about = { serves = options.serves } end
  if listener then return true end
  local folder, why = core.private_parent()
  if not folder then return err.fail("io", why, { op = "control" }) end
  local path = folder .. "/" .. hosts.own() .. ".sock"
  local stream
  stream, why = core.listen(path)
  if not stream then return err.fail("io", why, { op = "control" }) end
  listener = stream:unref()
  local ok
  ok, why = core.own_file(path)
  if not ok then
    control.close(0)
    os.remove(path)
    return err.fail("io", why, { op = "control" })
  end
  control.path = path
  serve(listener)
  return true
end

---Ends it, when the calls that are under way are answered and the answers are read, or after `ms`.
---@param ms integer
function control.close(ms)
  if not listener then return end
  if control.path then
    os.remove(control.path)
    core.disown_file(control.path)
  end
  if server then server:close(ms) else listener:close() end
  listener, server, control.path = nil, nil, nil
end

---Adds a method that clients can call: see kavach.sandbox.control.server.
---@param name string
---@param method kavach.control.method
function control.register(name, method)
  require("kavach.sandbox.control.server").register(name, method)
end

return control
