-- A small QMP client (docs/interop/qmp-spec in QEMU's sources): greeting, capabilities, commands
-- with ids, events. QEMU serves the guest's devices, so what it says is not trusted either.

local core = require "kavach.core"
local err = require "kavach.err"
local json = require "kavach.json"
local outbox = require "kavach.sandbox.outbox"
local pipe = require "kavach.sandbox.pipe"
local waiters = require "kavach.sandbox.waiters"

local LINE_MAX <const> = 1024 * 1024
local EVENTS_MAX <const> = 64

---@class kavach.qmp
---@field version? table what the greeting says
---@field lost? kavach.Error
---@field events table[] the last ones: { event, data }
local qmp = {}
qmp.__index = qmp

---@param stream userdata of kavach.core, connected to QEMU
---@return kavach.qmp
function qmp.new(stream)
  local self = setmetatable({
    stream = stream, parts = {}, size = 0, answers = {}, events = {}, last_id = 0,
    changed = waiters.new(),
  }, qmp)
  self.outbox = outbox(nil, function(cause) self:lose(tostring(cause)) end)
  self.outbox:attach(stream)
  -- Commands may stand right behind the negotiation; QEMU answers in order.
  self.negotiation = self:send("qmp_capabilities")
  pipe.read(stream, function(bytes) self:feed(bytes) end, function(why)
    self:lose("it was closed" .. (why and (" (%s)"):format(why) or ""))
  end)
  return self
end

---Ends the connection; what waits for an answer gets an error.
---@param why string
function qmp:lose(why)
  if self.lost then return end
  self.lost = err.new("io", "QEMU's control port: " .. why)
  self.outbox:drop()
  self.stream:close()
  self.changed:wake()
end

---Sends a command without waiting for the answer.
---@param command string
---@param arguments? table
---@return integer id
function qmp:send(command, arguments)
  self.last_id = self.last_id + 1
  self.answers[self.last_id] = false
  self.outbox:add(assert(json.encode {
    execute = command, arguments = arguments, id = self.last_id,
  }) .. "\r\n")
  return self.last_id
end

local function on_message(self, message)
  if message.QMP ~= nil then
    self.version = type(message.QMP) == "table" and message.QMP.version or nil
  elseif type(message.event) == "string" then
    table.insert(self.events, { event = message.event, data = message.data })
    if #self.events > EVENTS_MAX then table.remove(self.events, 1) end
    self.changed:wake()
  elseif self.answers[message.id] == false then
    self.answers[message.id] = message
    self.changed:wake()
  end
  -- An answer that nobody asked for, or the refusal of something that was not understood, is of
  -- no use to anyone.
end

local function on_line(self, line)
  if line:find "^%s*$" then return end
  local message, why = json.decode(line)
  if type(message) ~= "table" or message == json.null then
    return self:lose("what came is not QMP: " .. tostring(why or "no object"))
  end
  on_message(self, message)
end

---Takes what QEMU said, in pieces of any size.
---@param bytes string
function qmp:feed(bytes)
  local from = 1
  while not self.lost do
    local at = bytes:find("\n", from, true)
    local piece = bytes:sub(from, at and at - 1)
    self.size = self.size + #piece
    if self.size > LINE_MAX then return self:lose "what came is not QMP: a line without end" end
    self.parts[#self.parts + 1] = piece
    if not at then return end
    local line = table.concat(self.parts)
    self.parts, self.size = {}, 0
    on_line(self, line)
    from = at + 1
  end
end

---Runs a command and waits for its answer.
---@param command string
---@param arguments? table
---@param ms? integer at most so long; a second by default
---@return any answer what QEMU returned
---@return kavach.Error? err
function qmp:execute(command, arguments, ms)
  if self.lost then return nil, self.lost end
  local id = self:send(command, arguments)
  self.changed:until_true(function() return self.answers[id] or self.lost end,
    core.now() + (ms or 1000))
  local answer = self.answers[id]
  self.answers[id] = nil
  if not answer then
    return nil, self.lost
      or err.new("timeout", ("QEMU did not answer %s within %d ms"):format(command, ms or 1000))
  end
  if answer["return"] ~= nil then return answer["return"] end
  local said = type(answer.error) == "table" and answer.error.desc
  return err.fail("io",
    ("QEMU refused %s: %s"):format(command, tostring(said or "no reason given")))
end

function qmp:close()
  self:lose "closed"
end

return qmp
