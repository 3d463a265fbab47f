-- The way of a guest's frames: out of QEMU, through the packet filter, and back into QEMU, which
-- takes them to the network, or takes an answer to the guest. It never stops reading: QEMU waits
-- while it writes, so to wait for it to read would be for ever. What there is no room for is lost,
-- as on any network.

local outbox = require "kavach.sandbox.outbox"
local pipe = require "kavach.sandbox.pipe"

local QUEUE_MAX <const> = 1024 * 1024 -- bytes that wait for QEMU to take them, each way

---@class kavach.network.relay
---@field lost integer bytes for which there was no room
local relay = {}
relay.__index = relay

local function stop(self)
  self.broken = true
  if self.outward then self.outward:close() end
  for _, way in ipairs { self.inward, self.back } do
    way:drop()
    if way.stream then way.stream:close() end
  end
end

---@param filter userdata of kavach.net
---@param on_broken fun(why: string) called once: nothing passes any more
---@return kavach.network.relay
function relay.new(filter, on_broken)
  local self = setmetatable({ filter = filter, on_broken = on_broken, lost = 0 }, relay)
  -- QEMU has closed it: it is about to end.
  local function on_failed() stop(self) end
  self.inward, self.back = outbox(nil, on_failed), outbox(nil, on_failed)
  return self
end

local function send(self, way, bytes)
  if bytes == "" then return end
  if way.unsent + #bytes > QUEUE_MAX then
    self.lost = self.lost + #bytes
    return
  end
  way:add(bytes)
end

---@param bytes string what QEMU sent
function relay:take(bytes)
  local allowed, why = self.filter:feed(bytes)
  if not allowed then
    stop(self)
    return self.on_broken(why)
  end
  send(self, self.inward, allowed)
  send(self, self.back, self.filter:answers())
end

---The connection on which the guest's frames come.
---@param stream userdata
function relay:attach_outward(stream)
  self.outward = stream
  pipe.read(stream, function(bytes) self:take(bytes) end, function() stop(self) end)
end

---The connection on which those that may go on are given back, or the answers to the others.
---@param way "inward"|"back"
---@param stream userdata
function relay:attach(way, stream)
  if self.broken then return stream:close() end
  self[way]:attach(stream)
end

return relay
