-- The control socket: how a process's sandboxes are reached from outside. frame.lua has the
-- protocol. Every run of the program listens from its first sandbox on; another host of Lua does
-- when it calls listen().

local core = require "kavach.core"
local err = require "kavach.err"
local hosts = require "kavach.sandbox.control.hosts"

local control = {}

local RETRY_MS <const> = 200

local about
local places = {} -- where it listens: { path, stream, server }; the first is this process's own

-- Loads the rest at the first connection: most hosts never have one.
local function serve(place)
  local stream = place.stream
  local function on_connection()
    if stream:is_closed() then return end
    if not place.server then
      place.server = require("kavach.sandbox.control.server").new(stream, about)
      require "kavach.sandbox.control.methods"
    end
    if place.server:accept() then
      core.timer(RETRY_MS, on_connection)
    elseif not stream:is_closed() then
      stream:wait_read(on_connection)
    end
  end
  stream:wait_read(on_connection)
end

local function leave(place, ms)
  os.remove(place.path)
  core.disown_file(place.path)
  if place.server then place.server:close(ms) else place.stream:close() end
end

local function listen_at(path)
  local stream, why = core.listen(path)
  if not stream then return err.fail("io", why, { op = "control" }) end
  local place = { path = path, stream = stream:unref() }
  local ok
  ok, why = core.own_file(path)
  if not ok then
    leave(place, 0)
    return err.fail("io", why, { op = "control" })
  end
  places[#places + 1] = place
  serve(place)
  return true
end

---Listens on this process's control socket, if it does not yet.
---@param options? { serves?: boolean, path?: string } serves: the process ends with its sandbox;
--- path: a socket to listen on as well
---@return boolean? true
---@return kavach.Error?
function control.listen(options)
  options = options or {}
  if options.serves ~= nil then about = { serves = options.serves } end
  if not control.path then
    local folder, why = core.private_parent()
    if not folder then return err.fail("io", why, { op = "control" }) end
    local path = folder .. "/" .. hosts.own() .. ".sock"
    local ok
    ok, why = listen_at(path)
    if not ok then return nil, why end
    control.path = path
  end
  if not options.path then return true end
  return listen_at(options.path)
end

---Ends it, when the calls that are under way are answered and the answers are read, or after `ms`.
---@param ms integer
function control.close(ms)
  local list = places
  places, control.path = {}, nil
  for _, place in ipairs(list) do leave(place, ms) end
end

---Adds a method that clients can call: see kavach.sandbox.control.server.
---@param name string
---@param method kavach.control.method
function control.register(name, method)
  require("kavach.sandbox.control.server").register(name, method)
end

return control
