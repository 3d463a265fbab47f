-- The connection to the agent of one guest: frames in and out, channels, the heartbeat.
--
-- Everything is sent ahead. HELLO, mounts and the first commands queue up before the guest has even
-- booted, and QEMU holds the bytes until the agent opens its port, so no answer is waited for that
-- nobody needs. The connection lives in callbacks, not in a task: it belongs to no scope, and works
-- whenever someone drives the loop.

local core = require "kavach.core"
local err = require "kavach.err"
local outbox = require "kavach.sandbox.outbox"
local pipe = require "kavach.sandbox.pipe"
local waiters = require "kavach.sandbox.waiters"
local wire = require "kavach.sandbox.wire"

---@class kavach.agent
---@field ready boolean the agent has said WELCOME
---@field lost? kavach.Error why the connection is of no use any more
---@field kernel? string the guest's kernel release, once ready
---@field version? string the agent's version, once ready
local agent = {}
agent.__index = agent

---@class kavach.agent.options
---@field heartbeat_ms? integer a guest from which nothing came for so long is lost; 0: never
---@field on_ready? fun() called once, when WELCOME is there
---@field on_lost? fun(cause: kavach.Error) called once: the guest broke the rules or is silent
---@field on_closed? fun(why: string) the stream has ended; whoever knows why calls lose()

---A connection without a stream yet: requests can be made, and wait.
---@param options? kavach.agent.options
---@return kavach.agent
function agent.new(options)
  options = options or {}
  local self = setmetatable({
    ready = false,
    heartbeat_ms = options.heartbeat_ms or 30000,
    on_ready = options.on_ready or function() end,
    on_lost = options.on_lost or function() end,
    on_closed = options.on_closed,
    channels = {},
    last_channel = 0,
    outbox = outbox(), -- where writing fails, reading comes to its end too, and tells
    decoder = wire.decoder(),
    changed = waiters.new(),
    pings = {},
    last_ping = 0,
  }, agent)
  self.on_closed = self.on_closed or function(why) self:lose(err.new("io", why)) end
  self:send(wire.HELLO, 0, string.pack("<I4", wire.VERSION))
  return self
end

-- ---- out ---------------------------------------------------------------------------------------

---Queues a frame. It is gone as soon as the stream takes it; a lost connection drops it.
---@param kind integer
---@param channel integer
---@param payload? string
function agent:send(kind, channel, payload)
  if self.lost then return end
  self.outbox:add(wire.frame(kind, channel, payload))
end

local CLOCK_PING <const> = "clock"
-- A time that has been there and back within so long is good enough.
local CLOCK_MS <const> = 50
local CLOCK_TRIES <const> = 10

-- Sets the guest's clock: what it reads for itself at boot has whole seconds. The frame goes ahead
-- of all that has not been sent yet. The ping behind it tells how old the time was once it came.
local function set_clock(self)
  self.clock_tries = (self.clock_tries or 0) + 1
  self.clock_sent = core.now()
  self.outbox:add(wire.frame(wire.CLOCK, 0, string.pack("<I8", core.wall_clock()))
    .. wire.frame(wire.PING, 0, CLOCK_PING), true)
end

local function on_clock_set(self)
  if core.now() - self.clock_sent > CLOCK_MS and self.clock_tries < CLOCK_TRIES then
    set_clock(self)
  end
end

-- ---- in ----------------------------------------------------------------------------------------

local function welcome(self, payload)
  local version, release, own = wire.parse_welcome(payload)
  if not version then return release end
  if version ~= wire.VERSION then
    return ("the agent speaks version %d of the wire, this is version %d"):format(
      version, wire.VERSION)
  end
  if self.ready then return "the agent said WELCOME twice" end
  self.ready, self.kernel, self.version = true, release, own
  set_clock(self)
  self:watch()
  self.changed:wake()
  self.on_ready()
end

local connection = {
  [wire.WELCOME] = welcome,
  [wire.PONG] = function(self, payload)
    if payload == CLOCK_PING and self.clock_sent then return on_clock_set(self) end
    if self.pings[payload] then
      self.pings[payload] = nil
      self.changed:wake()
    end
  end,
  [wire.FAILED] = function(_, payload)
    local _, what = wire.parse_failed(payload)
    return "the agent gave up: " .. tostring(what)
  end,
}

-- Gives one frame to whom it is for; returns what is wrong with it, if anything is.
local function route(self, kind, number, payload)
  if number == 0 then
    local handler = connection[kind]
    if not handler then return ("a frame of type %d for the connection itself"):format(kind) end
    return handler(self, payload)
  end
  if not self.ready then return "a frame before WELCOME" end
  local channel = self.channels[number]
  -- What crossed with the end of its channel is dropped.
  if channel then return channel:receive(kind, payload) end
end

local function on_bytes(self, bytes)
  self.heard = true
  self.decoder:feed(bytes)
  while not self.lost do
    local kind, number, payload = self.decoder:next()
    if not kind and not number then return end
    local wrong = number
    if kind then wrong = route(self, kind, number, payload) end
    if wrong then
      return self:lose(err.new("io", "the guest broke the agent's protocol: " .. wrong))
    end
  end
end

---Takes over the stream to the agent, and sends what was asked for so far.
---@param stream userdata of kavach.core
function agent:attach(stream)
  if self.lost then return stream:close() end
  self.stream = stream
  self.outbox:attach(stream)
  pipe.read(stream, function(bytes) on_bytes(self, bytes) end, function(why)
    self.closed = why and "cannot read the agent's port: " .. why or "the agent's port was closed"
    self.on_closed(self.closed)
  end, function(most) return self.decoder:wanted(most) end)
end

---Ends the connection: every request on it fails with this cause. Can be called twice.
---@param cause kavach.Error
function agent:lose(cause)
  if self.lost then return end
  self.lost = cause
  self.outbox:drop()
  if self.timer then self.timer:close() end
  if self.stream then self.stream:close() end
  local channels = self.channels
  self.channels = {}
  for _, channel in next, channels do channel:finish(cause) end
  self.changed:wake()
  self.on_lost(cause)
end

-- ---- channels ----------------------------------------------------------------------------------

---Gives a new channel its number. The channel has methods receive(kind, payload), which returns
---what is wrong with the frame or nothing, and finish(cause), called if the connection is lost.
---@param channel table
---@return integer number
function agent:open(channel)
  repeat
    self.last_channel = self.last_channel % 0xffffffff + 1
  until not self.channels[self.last_channel]
  self.channels[self.last_channel] = channel
  return self.last_channel
end

---The channel's last frame has come.
---@param number integer
function agent:ended(number)
  self.channels[number] = nil
end

---Whether any request is under way.
---@return boolean
function agent:busy()
  return next(self.channels) ~= nil
end

-- ---- is it alive? ------------------------------------------------------------------------------

---Waits until the agent has answered HELLO.
---@param deadline? integer on the clock of task.now()
---@return boolean? true
---@return kavach.Error?
function agent:wait_ready(deadline)
  self.changed:until_true(function() return self.ready or self.lost end, deadline)
  if self.ready and not self.lost then return true end
  return nil, self.lost or err.new("timeout", "the guest did not answer in time")
end

---Waits for the answer to a ping.
---@param ms? integer at most so long; a second by default
---@return boolean? true
---@return kavach.Error?
function agent:ping(ms)
  self.last_ping = self.last_ping + 1
  local payload = string.pack("<I8", self.last_ping)
  self.pings[payload] = true
  self:send(wire.PING, 0, payload)
  self.changed:until_true(function() return not self.pings[payload] or self.lost end,
    core.now() + (ms or 1000))
  if self.lost then return nil, self.lost end
  if not self.pings[payload] then return true end
  self.pings[payload] = nil
  return err.fail("timeout", ("the guest did not answer within %d ms"):format(ms or 1000))
end

---Asks the guest to power off.
function agent:poweroff()
  self:send(wire.POWEROFF, 0)
end

local HEARTBEAT = "beat"
local BEATS <const> = 4

---The heartbeat: four silent quarters in a row, each with a ping at its start, and the guest is
---lost. Quarters and not one long wait, because the loop may not have run for a while (a script
---that computes, a stopped process): then the first quarter passes at once, and what the guest did
---say is read before the next.
function agent:watch()
  if self.heartbeat_ms <= 0 or self.resting then return end
  local quarter, silent = math.max(self.heartbeat_ms // BEATS, 1), 0
  local function beat()
    if self.lost then return end
    silent = self.heard and 0 or silent + 1
    if silent >= BEATS then
      return self:lose(err.new("timeout",
        ("the guest has not answered for %d ms"):format(self.heartbeat_ms), { silent = true }))
    end
    self.heard = false
    self:send(wire.PING, 0, HEARTBEAT)
    self.timer = core.timer(quarter, beat)
  end
  self.timer = core.timer(quarter, beat)
end

---The guest stands still, and cannot answer: no heartbeat.
function agent:rest()
  self.resting = true
  if self.timer then self.timer:close() end
end

---It goes on. Its clock has stood still, too.
function agent:wake()
  self.resting = false
  if self.lost or not self.ready then return end
  self.heard, self.clock_tries = true, 0
  set_clock(self)
  self:watch()
end

return agent
