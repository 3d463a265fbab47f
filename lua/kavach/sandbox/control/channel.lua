-- One call: its messages and its three streams, as either side has them.

local core = require "kavach.core"
local err = require "kavach.err"
local flow = require "kavach.sandbox.flow"
local frame = require "kavach.sandbox.control.frame"
local waiters = require "kavach.sandbox.waiters"

local NOTES_MOST <const> = 64

---@class kavach.control.channel
---@field input kavach.inflow|kavach.outflow to the host
---@field output kavach.inflow|kavach.outflow from it
---@field errors kavach.inflow|kavach.outflow from it
---@field over boolean DONE has come, or been sent, or the connection is lost
---@field result? table what DONE said
---@field cause? kavach.Error or why there is none
local channel = {}
channel.__index = channel

local STREAMS <const> = {
  [frame.INPUT] = "input", [frame.OUTPUT] = "output", [frame.ERRORS] = "errors",
}

local function inflow(self, stream)
  return flow.inflow(function(bytes)
    self:send(frame.CREDIT, string.pack("<BI4", stream, bytes))
  end)
end

local function outflow(self, stream)
  local out = flow.outflow(function(bytes)
    self:send(frame.DATA, string.char(stream) .. bytes)
  end)
  out.credit = frame.WINDOW
  return out
end

---@param connection kavach.control.connection
---@param number integer
---@param host boolean whether this is the host's side
---@return kavach.control.channel
function channel.new(connection, number, host)
  local self = setmetatable({
    connection = connection, number = number, host = host, over = false, notes = {},
    changed = waiters.new(),
  }, channel)
  local to_host, from_host = outflow, inflow
  if host then to_host, from_host = inflow, outflow end
  self.input = to_host(self, frame.INPUT)
  self.output, self.errors = from_host(self, frame.OUTPUT), from_host(self, frame.ERRORS)
  return self
end

---@param kind integer
---@param payload? string
function channel:send(kind, payload)
  if not self.over then self.connection:send(kind, self.number, payload) end
end

---@param message table
---@return boolean? true
---@return kavach.Error?
function channel:note(message)
  local payload, why = frame.message(message)
  if not payload then return nil, why end
  self:send(frame.NOTE, payload)
  return true
end

---Has fn called with each note, those too that have come already.
---@param fn fun(message: table)
function channel:on_note(fn)
  local notes = self.notes
  self.notes, self.listener = {}, fn
  for _, message in ipairs(notes) do fn(message) end
end

---No more will come or go.
---@param cause? kavach.Error
---@param result? table
function channel:finish(cause, result)
  if self.over then return end
  self.over, self.cause, self.result = true, cause, result
  for _, name in next, STREAMS do self[name]:finish(cause) end
  if self.task then self.task:cancel "nobody waits for it any more" end
  self.changed:wake()
end

-- ---- what the other side says ------------------------------------------------------------------
-- Each returns what is wrong with the frame, or nothing.

local handlers = {}
channel.handlers = handlers

handlers[frame.NOTE] = function(self, payload)
  local message, why = frame.parse_message(payload)
  if not message then return why end
  if self.listener then
    self.listener(message)
  elseif #self.notes < NOTES_MOST then
    self.notes[#self.notes + 1] = message
  else
    return "more notes than a call may have before its method has begun"
  end
end

-- Whether the stream goes from the other side to this one.
local function comes(self, stream) return (stream == frame.INPUT) == self.host end

handlers[frame.DATA] = function(self, payload)
  local stream = payload:byte()
  if not STREAMS[stream] or not comes(self, stream) then return "data of a foreign stream" end
  local flowing = self[STREAMS[stream]]
  if #payload == 1 then return flowing:finish() end
  if not flowing:receive(payload:sub(2)) then return "more data than it had credit for" end
end

handlers[frame.CREDIT] = function(self, payload)
  local stream, bytes = string.unpack("<BI4", payload)
  if not STREAMS[stream] or comes(self, stream) then return "credit for a foreign stream" end
  local flowing = self[STREAMS[stream]]
  if flowing.credit + bytes > frame.WINDOW then return "more credit than the window has" end
  flowing:allow(bytes)
end

---@param document table
---@return kavach.Error
local function as_error(document)
  local known = pcall(err.new, document.kind, "")
  return err.new(known and document.kind or "io", tostring(document.message), {
    errno = math.tointeger(document.errno), is_program = document.is_program == true,
    op = type(document.op) == "string" and document.op or nil, remote = true,
  })
end

handlers[frame.DONE] = function(self, payload)
  if self.host then return "an answer to a host" end
  local message, why = frame.parse_message(payload)
  if not message then return why end
  if type(message.error) == "table" then
    self:finish(as_error(message.error))
  elseif type(message.result) == "table" then
    self:finish(nil, message.result)
  else
    return "an answer with neither result nor error"
  end
end

handlers[frame.CANCEL] = function(self)
  if not self.host then return "a cancellation to a client" end
  if self.task then self.task:cancel("the client wants no more of it") end
end

---A host's: no more of the input is wanted.
function channel:refuse_input()
  self:send(frame.CREDIT, string.pack("<BI4", frame.INPUT, 0))
  self.input:discard()
end

---A client's: waits until the call is over.
---@param ms? integer at most so long
---@return table? result
---@return kavach.Error? err kind "timeout" if it is not over yet
function channel:wait(ms)
  self.changed:until_true(function() return self.over end, ms and core.now() + ms)
  if self.result then return self.result end
  if self.over then return nil, self.cause end
  return err.fail("timeout", ("no answer within %d ms"):format(ms))
end

---A client's: the call is of no interest any more.
function channel:cancel()
  self:send(frame.CANCEL)
  for _, stream in ipairs { self.output, self.errors } do stream:discard() end
end

---Called by the connection with each frame of this channel.
---@param kind integer
---@param payload string
---@return string? wrong
function channel:receive(kind, payload)
  local handler = handlers[kind]
  if not handler then return ("a frame of kind %d for a call"):format(kind) end
  return handler(self, payload)
end

return channel
