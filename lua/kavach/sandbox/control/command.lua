-- A command in a sandbox of another process, with the methods of kavach.command.

local command = require "kavach.sandbox.command"
local signals = require "kavach.sandbox.signals"

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

---Sends a signal to the command's process group; SIGKILL goes to all that it started.
---@param signal? integer|string 15, "TERM" or "SIGTERM"; that one by default
function remote:signal(signal)
  self.call:note { signal = signals.number(signal or signals.TERM, "signal", 2) }
end

---@param signal? integer|string SIGKILL by default
function remote:kill(signal)
  self.call:note { signal = signals.number(signal or signals.KILL, "kill", 2) }
end

---The size of its terminal has changed.
---@param rows integer
---@param columns integer
function remote:resize(rows, columns)
  self.call:note { rows = rows, columns = columns }
end

---Has what still runs of it killed and drops its output. Does not wait; can be called twice.
function remote:close()
  if self.over or self.closed then return end
  self.closed = true
  self.call:cancel()
end

remote.__close = remote.close

return remote
