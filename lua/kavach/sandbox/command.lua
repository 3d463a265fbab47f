-- One command in a guest, from the request to its exit: a channel of the agent's connection.

local core = require "kavach.core"
local err = require "kavach.err"
local explain = require "kavach.sandbox.errno"
local flow = require "kavach.sandbox.flow"
local signals = require "kavach.sandbox.signals"
local waiters = require "kavach.sandbox.waiters"
local wire = require "kavach.sandbox.wire"

local EINVAL <const> = 22 -- in the guest: Linux, include/uapi/asm-generic/errno-base.h

---@class kavach.command
---@field stdout kavach.inflow
---@field stderr kavach.inflow
---@field argv? string[] what its user asked for; nil: it is one of kavach's own
---@field pid? integer in the guest, once it has started
local command = {}
command.__index = command

---@class kavach.command.spec
---@field argv string[]
---@field shell? boolean argv[1] is a line for /bin/sh
---@field tool? boolean argv[1] is an applet of the agent's own busybox
---@field env? string[]
---@field cwd? string
---@field user? string
---@field stdin? boolean it will be written to
---@field pty? { rows: integer, columns: integer }

---Asks for a command. It does not wait: what became of it is told by wait().
---@param agent kavach.agent
---@param spec kavach.command.spec
---@return kavach.command? command
---@return kavach.Error? err
function command.start(agent, spec)
  local flags = (spec.shell and wire.SHELL or 0) | (spec.stdin and wire.WANT_STDIN or 0)
    | (spec.pty and wire.PTY or 0) | (spec.tool and wire.TOOL or 0)
  local payload, why = wire.exec {
    flags = flags,
    stdout_credit = flow.WINDOW, stderr_credit = flow.WINDOW,
    rows = spec.pty and spec.pty.rows, columns = spec.pty and spec.pty.columns,
    cwd = spec.cwd, user = spec.user, argv = spec.argv, env = spec.env,
  }
  if not payload then return err.fail("exec_failed", why, { errno = 7 }) end
  if agent.lost then return nil, agent.lost end

  local self = setmetatable({
    agent = agent, name = spec.argv[1], argv = not spec.tool and spec.argv or nil,
    shell = spec.shell,
    changed = waiters.new(),
    program = spec.shell and "/bin/sh" or spec.argv[1], -- as the agent names what it cannot execute
  }, command)
  self.number = agent:open(self)
  local function grant(stream)
    return function(bytes)
      self:send(wire.CREDIT, string.pack("<I4I4", stream, bytes))
    end
  end
  self.stdout = flow.inflow(grant(wire.STREAM_STDOUT))
  self.stderr = flow.inflow(grant(wire.STREAM_STDERR))
  self.stdin = flow.outflow(function(bytes) self:send(wire.STDIN, bytes) end)
  if not spec.stdin then self.stdin.closed = true end
  agent:send(wire.EXEC, self.number, payload)
  return self
end

---A command that never came to be: it has no output and no end.
---@return kavach.command
function command.none()
  local function grant() end
  return setmetatable({
    over = true, changed = waiters.new(), stdout = flow.inflow(grant), stderr = flow.inflow(grant),
  }, command)
end

---Sends a frame, unless the channel has ended.
---@param kind integer
---@param payload? string
function command:send(kind, payload)
  if not self.over then self.agent:send(kind, self.number, payload) end
end

-- ---- what the agent says -----------------------------------------------------------------------

local function end_with(self, exit, cause)
  self.over, self.exit, self.cause = true, exit, cause
  self.stdout:finish(cause)
  self.stderr:finish(cause)
  self.stdin:finish(cause)
  self.changed:wake()
end

-- What is wrong with a program, the folder or the guest itself is told by errno; with a user or a
-- group by the agent, in a text that needs no more (core/guest/wire.h).
local function failure(self, errno, what, is_program)
  if not is_program and errno == EINVAL and (what:find "^user" or what:find "^group") then
    return what
  end
  -- A shell line's name is the whole line.
  local name = #self.name <= 200 and self.name or self.name:sub(1, 200) .. "…"
  local message = is_program and explain(name, errno, what) or explain(what, errno, "")
  return message .. " in the guest"
end

local function on_failed(self, payload)
  local errno, what = wire.parse_failed(payload)
  if not errno then return what end
  self.agent:ended(self.number)
  local is_program = what == self.program
  end_with(self, nil, err.new("exec_failed", failure(self, errno, what, is_program),
    { errno = errno, is_program = is_program }))
end

local function on_credit(self, payload)
  local stream, bytes = wire.parse_credit(payload)
  if not stream then return bytes end
  if stream ~= wire.STREAM_STDIN then return "credit for a stream that only the agent sends" end
  self.stdin:allow(bytes)
end

local handlers = {
  [wire.STARTED] = function(self, payload)
    self.pid = wire.parse_started(payload)
    self.changed:wake()
  end,
  [wire.STDOUT] = function(self, bytes)
    if not self.stdout:receive(bytes) then return "more standard output than it had credit for" end
  end,
  [wire.STDERR] = function(self, bytes)
    if not self.stderr:receive(bytes) then return "more standard error than it had credit for" end
  end,
  [wire.CREDIT] = on_credit,
  [wire.EXIT] = function(self, payload)
    local exit, why = wire.parse_exit(payload)
    if not exit then return why end
    self.agent:ended(self.number)
    end_with(self, exit)
  end,
  [wire.FAILED] = on_failed,
}

-- Called by the connection: a frame of this channel.
function command:receive(kind, payload)
  local handler = handlers[kind]
  if not handler then return ("a frame of type %d for a command"):format(kind) end
  return handler(self, payload)
end

-- Called by the connection: it is lost.
function command:finish(cause)
  end_with(self, nil, cause)
end

-- ---- what its user does ------------------------------------------------------------------------

---Waits for bytes of standard output. A command stops while nobody takes its output.
---@param max? integer
---@return string? bytes nil at the end
---@return kavach.Error?
function command:read(max) return self.stdout:read(max) end

---@param max? integer
---@return string? bytes
---@return kavach.Error?
function command:read_stderr(max) return self.stderr:read(max) end

---Writes to its standard input; waits while the command does not read.
---@param bytes string
---@return boolean? true
---@return kavach.Error?
function command:write(bytes) return self.stdin:write(bytes) end

function command:close_stdin() self.stdin:close() end

---Waits for the command's end. Its output must be read, collected or discarded, or it may not come
---to one.
---@param ms? integer at most so long
---@return kavach.wire.exit? exit
---@return kavach.Error? err kind "timeout" if it has not ended yet
function command:wait(ms)
  local deadline = ms and core.now() + ms
  self.changed:until_true(function() return self.over end, deadline)
  if self.exit then return self.exit end
  if self.over then return nil, self.cause end
  return err.fail("timeout", ("the command is still running after %d ms"):format(ms))
end

---Waits until the command has started, or has failed to.
---@return boolean? true
---@return kavach.Error?
function command:wait_started()
  self.changed:until_true(function() return self.pid or self.over end)
  if self.cause then return nil, self.cause end
  return true
end

---Sends a signal to the command's process group.
---@param signal? integer|string 15, "TERM" or "SIGTERM"; that one by default
function command:signal(signal)
  local number = signals.number(signal or signals.TERM, "signal", 2)
  self:send(wire.SIGNAL, string.pack("<I4", number))
end

---Ends all that the command started, with SIGKILL, or sends it another signal.
---@param signal? integer|string
function command:kill(signal)
  local number = signals.number(signal or signals.KILL, "kill", 2)
  if number ~= signals.KILL then return self:signal(number) end
  self:send(wire.KILL)
end

---The size of its terminal has changed.
---@param rows integer
---@param columns integer
function command:resize(rows, columns)
  self:send(wire.RESIZE, string.pack("<I2I2", rows, columns))
end

---Kills what still runs of it and drops its output. Does not wait; can be called twice.
function command:close()
  if self.over or self.closed then return end
  self.closed = true
  self:kill()
  self.stdout:discard()
  self.stderr:discard()
end

command.__close = command.close

return command
