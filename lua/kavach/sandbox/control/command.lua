-- A command in a sandbox of another process, with the methods of kavach.command.

local command = require "kavach.sandbox.command"

local SIGKILL <const> = 9

---@class kavach.control.command: kavach.command
local remote = setmetatable({}, { __index = command })
remote.__index = remote

local function on_over(self)
  local call = self.call
  self.over, self.cause = true, call.cause
  if call.result then self.exit = call.result end
  self.changed:wake()
end

---@param connection kavach.control.connection
---@param params table of the method exec
---@return kavach.control.command?
---@return kavach.Error?
function remote.start(connection, params)
  local call, why = connection:call("exec", params)
  if not call then return nil, why end
  local self = setmetatable({
    call = call, changed = require("kavach.sandbox.waiters").new(),
    stdin = call.input, stdout = call.output, stderr = call.errors,
  }, remote)
  call:on_note(function(note)
    self.pid = self.pid or math.tointeger(note.pid)
    self.changed:wake()
  end)
  call.changed:watch(function()
    if call.over and not self.over then on_over(self) end
  end)
  return self
end

function remote:signal(number)
  self.call:note { signal = number or 15 }
end

function remote:kill(number)
  self:signal(number or SIGKILL)
end

function remote:resize(rows, columns)
  self.call:note { rows = rows, columns = columns }
end

function remote:close()
  if self.over or self.closed then return end
  self.closed = true
  self.call:cancel()
end

remote.__close = remote.close

return remote
