-- The way of a guest's frames: out of QEMU, through the packet filter, and back into QEMU, which
-- takes them to the network, or takes an answer to the guest. It never stops reading: QEMU waits
-- while it writes, so to wait for it to read would be for ever. What there is no room for is lost,
-- as on any network.

local pipe = require "kavach.sandbox.pipe"

local QUEUE_MAX <const> = 1024 * 1024 -- bytes that wait for QEMU to take them, each way

---@class kavach.network.relay
---@field lost integer bytes for which there was no room
local relay = {}
relay.__index = relay

---@param filter userdata of kavach.net
---@param on_broken fun(why: string) called once: nothing passes any more
---@return kavach.network.relay
function relay.new(filter, on_broken)
  return setmetatable({
    filter = filter, on_broken = on_broken, lost = 0,
    inward = { outgoing = {}, queued = 0 }, back = { outgoing = {}, queued = 0 },
  }, relay)
end

local function stop(self)
  self.broken = true
  if self.outward then self.outward:close() end
  for _, way in ipairs { self.inward, self.back } do
    way.outgoing, way.queued = {}, 0
    if way.stream then way.stream:close() end
  end
end

local function flush(self, way)
  if way.writing or not way.stream or way.queued == 0 or self.broken then return end
  local bytes = #way.outgoing == 1 and way.outgoing[1] or table.concat(way.outgoing)
  way.outgoing, way.queued, way.writing = {}, 0, true
  pipe.write(way.stream, bytes, function(ok)
    way.writing = false
    -- QEMU has closed it: it is about to end.
    if not ok then return stop(self) end
    flush(self, way)
  end)
end

local function send(self, way, bytes)
  if bytes == "" then return end
  if way.queued + #bytes > QUEUE_MAX then
    self.lost = self.lost + #bytes
    return
  end
  way.outgoing[#way.outgoing + 1] = bytes
  way.queued = way.queued + #bytes
  flush(self, way)
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
  self[way].stream = stream
  flush(self, self[way])
end

return relay
