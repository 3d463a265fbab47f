-- The streams of one channel to the agent, each under its own credit, so that neither side ever
-- holds more than a window of it. wire.h says how credit works.

local err = require "kavach.err"
local waiters = require "kavach.sandbox.waiters"
local wire = require "kavach.sandbox.wire"

-- What may be under way of one stream: as much as QEMU and the guest have to do while credit for
-- more is on its way. A reader that pauses makes the host hold that much.
local flow = { WINDOW = 2 * 1024 * 1024 }

-- Credit is given back in portions, so that a frame of it does not cross for every few bytes.
local PORTION <const> = flow.WINDOW // 4
-- Captured pieces are joined by so many: a guest that sends single bytes must not make tables of
-- a million entries.
local JOIN <const> = 512

-- ---- what comes: stdout, stderr, the bytes of a file -------------------------------------------

---@class kavach.inflow
local inflow = {}
inflow.__index = inflow

---@param grant fun(bytes: integer) gives the agent more credit
---@return kavach.inflow
function flow.inflow(grant)
  return setmetatable({
    grant = grant,
    credit = flow.WINDOW, -- what the agent may still send
    taken = 0, -- bytes to give back as credit
    chunks = {}, first = 1, last = 0,
    ended = false,
    changed = waiters.new(),
  }, inflow)
end

local function give_back(self, count)
  self.taken = self.taken + count
  if self.taken >= PORTION and not self.ended then
    self.credit = self.credit + self.taken
    self.grant(self.taken)
    self.taken = 0
  end
end

-- Keeps up to the limit of what comes; the rest is dropped and counts as truncation.
local function keep(self, bytes)
  local capture = self.capture
  local room = capture.limit - capture.size
  if #bytes > room then
    capture.truncated = true
    bytes = bytes:sub(1, room)
  end
  if bytes == "" then return end
  capture.size = capture.size + #bytes
  local parts = capture.parts
  parts[#parts + 1] = bytes
  if #parts >= JOIN then
    capture.joined[#capture.joined + 1] = table.concat(parts)
    capture.parts = {}
  end
end

---Called with each frame of the stream.
---@param bytes string
---@return boolean false if the agent sent more than it was allowed
function inflow:receive(bytes)
  if #bytes > self.credit or self.ended then return false end
  self.credit = self.credit - #bytes
  if self.capture then
    keep(self, bytes)
    give_back(self, #bytes)
  elseif self.dropped then
    give_back(self, #bytes)
  else
    self.last = self.last + 1
    self.chunks[self.last] = bytes
    self.changed:wake()
  end
  return true
end

---No more will come; `cause` says why if that is an error.
---@param cause? kavach.Error
function inflow:finish(cause)
  if self.ended then return end
  self.ended, self.cause = true, cause
  self.changed:wake()
end

---Waits for bytes.
---@param max? integer at most so many
---@return string? bytes nil at the end
---@return kavach.Error? err if the end is not an ordinary one
function inflow:read(max)
  while self.first > self.last do
    if self.ended then return nil, self.cause end
    self.changed:wait()
  end
  local bytes = self.chunks[self.first]
  if max and #bytes > max then
    self.chunks[self.first] = bytes:sub(max + 1)
    bytes = bytes:sub(1, max)
  else
    self.chunks[self.first] = nil
    self.first = self.first + 1
    if self.first > self.last then self.first, self.last = 1, 0 end
  end
  give_back(self, #bytes)
  return bytes
end

-- Gives what already waits to a new way of taking it.
local function take_over(self)
  local chunks, last = self.chunks, self.last
  local first = self.first
  self.chunks, self.first, self.last = {}, 1, 0
  for i = first, last do
    if self.capture then keep(self, chunks[i]) end
    give_back(self, #chunks[i])
  end
end

---Keeps what comes, up to a limit, instead of waiting for a reader.
---@param limit integer
function inflow:collect(limit)
  self.capture = { limit = limit, size = 0, parts = {}, joined = {}, truncated = false }
  take_over(self)
end

---What was kept, and whether there was more; nothing if it was not collected.
---@return string bytes, boolean truncated
function inflow:collected()
  local capture = self.capture
  if not capture then return "", false end
  return table.concat(capture.joined) .. table.concat(capture.parts), capture.truncated
end

---Drops what comes from now on: nobody will read it, and the command must not wait for that.
function inflow:discard()
  self.dropped = true
  take_over(self)
end

-- ---- what goes: stdin, the bytes of a file -----------------------------------------------------

---@class kavach.outflow
local outflow = {}
outflow.__index = outflow

---@param send fun(bytes: string) sends one frame; the empty one ends the stream
---@param window? integer what may be sent before the agent asks for more: standard input's
---@return kavach.outflow
function flow.outflow(send, window)
  return setmetatable({
    send = send,
    credit = window or wire.STDIN_WINDOW,
    closed = false,
    ended = false,
    changed = waiters.new(),
  }, outflow)
end

---The agent allows more; zero bytes say that nobody reads the stream any more.
---@param bytes integer
function outflow:allow(bytes)
  if bytes == 0 then return self:finish(err.new("io", "nobody reads it any more")) end
  self.credit = self.credit + bytes
  self.changed:wake()
end

---The other end is gone.
---@param cause? kavach.Error
function outflow:finish(cause)
  self.ended, self.cause = true, self.cause or cause
  self.changed:wake()
end

---Sends the bytes, waiting while the other end does not take them.
---@param bytes string
---@return boolean? true
---@return kavach.Error?
function outflow:write(bytes)
  local at = 1
  while at <= #bytes do
    if self.closed then return err.fail("io", "its standard input is closed") end
    if self.ended then return nil, self.cause or err.new("io", "the command has ended") end
    local count = math.min(self.credit, wire.DATA_MAX, #bytes - at + 1)
    if count > 0 then
      self.credit = self.credit - count
      self.send(bytes:sub(at, at + count - 1))
      at = at + count
    else
      self.changed:wait()
    end
  end
  return true
end

---Ends the stream; what was written still arrives.
function outflow:close()
  if self.closed or self.ended then return end
  self.closed = true
  self.send ""
end

return flow
