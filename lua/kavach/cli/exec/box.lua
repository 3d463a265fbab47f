--- A sandbox of another process, as far as a session of kavach.cli.run.session needs one.

local client = require "kavach.sandbox.control.client"
local core = require "kavach.core"
local remote = require "kavach.sandbox.control.command"

local Box = {}
Box.__index = Box

local function pairs_of(env)
  local list = {}
  for name, value in next, env or {} do list[#list + 1] = name .. "=" .. value end
  table.sort(list)
  return #list > 0 and list or nil
end

---@param given string|string[]
---@param options table cwd, user, env, pty
---@return kavach.control.command?
---@return kavach.Error?
function Box:start(given, options)
  return remote.start(self.connection, {
    id = self.id, command = given, cwd = options.cwd, user = options.user, pty = options.pty,
    env = pairs_of(options.env),
  })
end

function Box.explained(_, cause) return cause end

---Waits for it no more: what is asked of it fails with this error.
---@param cause kavach.Error
function Box:give_up(cause) self.connection:lose(cause) end

---Leaves it alone from now on.
function Box:destroy()
  self.connection:close()
  return true
end

Box.__close = Box.destroy

---@param name string or id
---@return table? box
---@return kavach.Error?
return function(name)
  local found, why = client.find(name)
  if not found then return nil, why end
  local connection
  connection, why = client.connect(found.host)
  if not connection then return nil, why end
  local box = found.box
  return setmetatable({
    id = box.id, backend = box.backend, connection = connection,
    -- What a session does to a VM of its own it must not do to this one.
    vm = {
      ready_at = core.now(), boot_ms = math.tointeger(box.boot_ms),
      kill = function() end,
    },
  }, Box)
end
