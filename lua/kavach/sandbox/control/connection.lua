-- One connection of the control protocol, as either side has it. It lives in callbacks, not in a
-- task, like the agent's.

local err = require "kavach.err"
local channel = require "kavach.sandbox.control.channel"
local frame = require "kavach.sandbox.control.frame"
local outbox = require "kavach.sandbox.outbox"
local waiters = require "kavach.sandbox.waiters"

local READ_SIZE <const> = 64 * 1024
-- Who does not read what was asked for is not listened to any further until it does.
local UNSENT_MOST <const> = 8 * 1024 * 1024

---@class kavach.control.connection
---@field hello? table what the other side said of itself
---@field lost? kavach.Error why it is of no use any more
local connection = {}
connection.__index = connection

---@class kavach.control.connection.options
---@field hello table what to say of this side, besides protocol and version
---@field on_call? fun(call: kavach.control.channel, message: table) a host's: somebody calls
---@field on_lost? fun(cause: kavach.Error) called once

-- ---- out ---------------------------------------------------------------------------------------

-- Who was not listened to because it did not read is, once it has.
local function on_written(self)
  if self.paused and self.outbox.unsent <= UNSENT_MOST then
    self.paused = false
    self.read()
  end
  if self.outbox.unsent == 0 then self.changed:wake() end
end

---@param kind integer
---@param number integer
---@param payload? string
function connection:send(kind, number, payload)
  if self.lost then return end
  self.outbox:add(frame.encode(kind, number, payload))
end

-- ---- in ----------------------------------------------------------------------------------------

local function greet(self, payload)
  if self.hello then return "HELLO twice" end
  local hello, why = frame.parse_message(payload)
  if not hello then return why end
  if hello.protocol ~= frame.PROTOCOL then return "it does not speak this protocol" end
  if hello.version ~= frame.VERSION then
    return ("it speaks version %s of the control protocol, this is version %d"):format(
      math.tointeger(hello.version) or "?", frame.VERSION)
  end
  self.hello = hello
  self.changed:wake()
end

local function open(self, number, payload)
  if not self.on_call or number == 0 or self.channels[number] then return "a call out of place" end
  local message, why = frame.parse_message(payload)
  if not message then return why end
  local call = channel.new(self, number, true)
  self.channels[number] = call
  self.on_call(call, message)
end

local function route(self, kind, number, payload)
  if kind == frame.HELLO and number == 0 then return greet(self, payload) end
  if not self.hello then return "a frame before HELLO" end
  if kind == frame.CALL then return open(self, number, payload) end
  local call = self.channels[number]
  if call then return call:receive(kind, payload) end
  if not channel.handlers[kind] or number == 0 then
    return ("a frame of kind %d out of place"):format(kind)
  end
end

local function take(self, bytes)
  self.decoder:feed(bytes)
  while not self.lost do
    local kind, number, payload = self.decoder:next()
    if not kind and not number then return end
    local wrong = number
    if kind then wrong = route(self, kind, number, payload) end
    if wrong then return self:lose(err.new("io", "the control protocol is broken: " .. wrong)) end
    local call = kind and self.channels[number]
    if call and call.over then self.channels[number] = nil end
  end
end

-- Reads on, unless the other side has too much to read itself.
local function read(self)
  if self.lost then return end
  if self.outbox.unsent > UNSENT_MOST then
    self.paused = true
    return
  end
  local bytes, why = self.stream:try_read(READ_SIZE)
  if bytes == nil or bytes == "" then
    return self:lose(err.new("io", "the control connection "
      .. (why and "failed: " .. why or "was closed")))
  end
  if bytes then take(self, bytes) end
  if not self.lost then self.stream:wait_read(self.read) end
end

---Takes over a connected stream.
---@param stream userdata of kavach.core
---@param options kavach.control.connection.options
---@return kavach.control.connection
function connection.new(stream, options)
  local self = setmetatable({
    stream = stream, decoder = frame.decoder(), channels = {},
    last_number = 0, changed = waiters.new(), on_call = options.on_call,
    on_lost = options.on_lost,
  }, connection)
  self.read = function() read(self) end
  self.outbox = outbox(function() on_written(self) end, function(why)
    self:lose(err.new("io", "the control connection failed: " .. tostring(why)))
  end)
  self.outbox:attach(stream)
  local hello = { protocol = frame.PROTOCOL, version = frame.VERSION }
  for key, value in next, options.hello do hello[key] = value end
  self:send(frame.HELLO, 0, assert(frame.message(hello)))
  self.read()
  return self
end

---A client's: makes a call.
---@param method string
---@param params? table
---@return kavach.control.channel? call
---@return kavach.Error?
function connection:call(method, params)
  if self.lost then return nil, self.lost end
  local payload, why = frame.message { method = method, params = params or {} }
  if not payload then return nil, why end
  repeat
    self.last_number = self.last_number % 0xffffffff + 1
  until not self.channels[self.last_number]
  local call = channel.new(self, self.last_number, false)
  self.channels[self.last_number] = call
  self:send(frame.CALL, self.last_number, payload)
  return call
end

---A host's: the call is answered.
---@param call kavach.control.channel
function connection:forget(call)
  self.channels[call.number] = nil
  self.changed:wake()
end

---Ends it: what is under way fails with this cause. Can be called twice.
---@param cause kavach.Error
function connection:lose(cause)
  if self.lost then return end
  self.lost = cause
  self.outbox:drop()
  self.stream:close()
  local channels = self.channels
  self.channels = {}
  for _, call in next, channels do call:finish(cause) end
  self.changed:wake()
  if self.on_lost then self.on_lost(cause) end
end

---Ends it without a cause. Can be called twice.
function connection:close()
  self:lose(err.new("io", "the control connection is closed"))
end

connection.__close = connection.close

return connection
