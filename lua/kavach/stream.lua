--- Streams of bytes: pipes, sockets, terminals, files. A call that has to wait suspends its task.

local core = require "kavach.core"
local err = require "kavach.err"
local task = require "kavach.task"

local M = {}

-- So many reads or writes in a row may find the stream ready before the others get a turn.
local TURN <const> = 32

---@class kavach.Stream
---@field name string what it is called in errors
local Stream = {}
Stream.__index = Stream
Stream.__name = "kavach.Stream"

--- Wraps a stream of kavach.core, called `name` in errors, or `name: part`.
---@return kavach.Stream
function M.wrap(raw, name, part)
  return setmetatable({ raw = raw, name = name or "stream", part = part, turns = 0 }, Stream)
end

local function take_turn(stream)
  stream.turns = stream.turns + 1
  if stream.turns >= TURN then
    stream.turns = 0
    task.yield()
  end
end

local function wait_read(stream)
  stream.turns = 0
  task.wait(function(done)
    stream.raw:wait_read(done)
    return function() stream.raw:cancel_read() end
  end)
end

local function wait_write(stream)
  stream.turns = 0
  task.wait(function(done)
    stream.raw:wait_write(done)
    return function() stream.raw:cancel_write() end
  end)
end

local function failed(stream, op, message)
  local name = stream.part and stream.name .. ": " .. stream.part or stream.name
  return err.fail("io", ("%s: cannot %s: %s"):format(name, op, message), { op = op })
end

--- Some bytes, up to `max` (default 65536): whatever is there. At the end nil, and nothing else.
---@param max integer?
---@return string? bytes, kavach.Error? error
function Stream:read(max)
  while true do
    local bytes, message = self.raw:try_read(max)
    if bytes then
      if bytes == "" then return nil end
      take_turn(self)
      return bytes
    end
    if bytes == nil then return failed(self, "read", message) end
    wait_read(self)
  end
end

--- All bytes up to the end.
---@return string? bytes, kavach.Error? error
function Stream:read_all()
  local parts = {}
  while true do
    local bytes, e = self:read()
    if e then return nil, e end
    if not bytes then return table.concat(parts) end
    parts[#parts + 1] = bytes
  end
end

--- Writes all of `bytes`.
---@param bytes string
---@return true? done, kavach.Error? error
function Stream:write(bytes)
  local from = 1
  while from <= #bytes do
    local count, message = self.raw:try_write(bytes, from)
    if count == nil then return failed(self, "write", message) end
    if count then
      from = from + count
      take_turn(self)
    else
      wait_write(self)
    end
  end
  return true
end

--- Waits for a connection on a listening socket.
---@return kavach.Stream? connection, kavach.Error? error
function Stream:accept()
  while true do
    local raw, message = self.raw:try_accept()
    if raw then return M.wrap(raw, self.name) end
    if raw == nil then return failed(self, "accept", message) end
    wait_read(self)
  end
end

--- Ends the sending half of a socket.
function Stream:shutdown()
  self.raw:shutdown()
end

function Stream:is_closed()
  return self.raw:is_closed()
end

--- Closes it. Who waits on it gets an error. May be called again.
function Stream:close()
  self.raw:close()
end

Stream.__close = Stream.close

local function opened(name, raw, message)
  if raw then return M.wrap(raw, name) end
  return err.fail("io", message, { op = "open" })
end

--- A listening unix socket, and a connection to one.
function M.listen(path) return opened(path, core.listen(path)) end
function M.connect(path) return opened(path, core.connect(path)) end

--- A descriptor of the process that stays its own.
---@param fd integer
function M.open(fd, name) return opened(name or "descriptor " .. fd, core.stream(fd)) end

function M.stdin() return M.open(0, "standard input") end
function M.stdout() return M.open(1, "standard output") end
function M.stderr() return M.open(2, "standard error") end

return M
