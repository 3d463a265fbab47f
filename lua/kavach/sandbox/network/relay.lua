-- The way of a guest's frames: out of QEMU, through the packet filter, and back into QEMU, which
-- takes them to the network. It never stops reading: QEMU waits while it writes, so to wait for it
-- to read would be for ever. What there is no room for is lost, as on any network.

local pipe = require "kavach.sandbox.pipe"

local QUEUE_MAX <const> = 1024 * 1024 -- bytes that wait for QEMU to take them

---@class kavach.network.relay
---@field lost integer bytes for which there was no room
local relay = {}
relay.__index = relay

---@param filter userdata of kavach.net
---@param on_broken fun(why: string) called once: nothing passes any more
---@return kavach.network.relay
function relay.new(filter, on_broken)
  return setmetatable({
    filter = filter, on_broken = on_broken, outgoing = {}, queued = 0, writing = false, lost = 0,
  }, relay)
end

local function stop(self)
  self.broken = true
  self.outgoing, self.queued = {}, 0
  for _, name in ipairs { "outward", "inward" } do
    if self[name] then self[name]:close() end
  end
end

local function flush(self)
  if self.writing or not self.inward or self.queued == 0 or self.broken then return end
  local bytes = #self.outgoing == 1 and self.outgoing[1] or table.concat(self.outgoing)
  self.outgoing, self.queued, self.writing = {}, 0, true
  pipe.write(self.inward, bytes, function(ok)
    self.writing = false
    -- QEMU has closed it: it is about to end.
    if not ok then return stop(self) end
    flush(self)
  end)
end

---@param bytes string what QEMU sent
function relay:take(bytes)
  local allowed, why = self.filter:feed(bytes)
  if not allowed then
    stop(self)
    return self.on_broken(why)
  end
  if allowed == "" then return end
  if self.queued + #allowed > QUEUE_MAX then
    self.lost = self.lost + #allowed
    return
  end
  self.outgoing[#self.outgoing + 1] = allowed
  self.queued = self.queued + #allowed
  flush(self)
end

---The connection on which the guest's frames come.
---@param stream userdata
function relay:attach_outward(stream)
  self.outward = stream
  pipe.read(stream, function(bytes) self:take(bytes) end, function() stop(self) end)
end

---The connection on which those that may go on are given back.
---@param stream userdata
function relay:attach_inward(stream)
  self.inward = stream
  flush(self)
end

return relay
