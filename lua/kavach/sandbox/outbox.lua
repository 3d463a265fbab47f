-- What is to be written to a stream: pieces queue up, in order, and go out in batches.

local pipe = require "kavach.sandbox.pipe"

local BATCH <const> = 256 * 1024

---@class kavach.outbox
---@field unsent integer bytes that the stream has not taken yet
local outbox = {}
outbox.__index = outbox

---@param on_written? fun() called when the stream has taken a batch
---@param on_failed? fun(why: string?) called when it takes no more
---@return kavach.outbox
local function new(on_written, on_failed)
  local function ignore() end
  return setmetatable({
    list = {}, unsent = 0,
    on_written = on_written or ignore, on_failed = on_failed or ignore,
  }, outbox)
end

-- Takes the first pieces of the list, joined: one, or more up to the size of a batch.
local function next_batch(list)
  local size, count = 0, 0
  for i, bytes in ipairs(list) do
    if count > 0 and size + #bytes > BATCH then break end
    size, count = size + #bytes, i
  end
  local batch, total = table.concat(list, "", 1, count), #list
  table.move(list, count + 1, total + count, 1)
  return batch
end

local function flush(self)
  if self.writing or not self.stream or #self.list == 0 then return end
  local batch = next_batch(self.list)
  self.writing = true
  pipe.write(self.stream, batch, function(ok, why)
    self.writing = false
    if self.dropped then return end
    if not ok then return self.on_failed(why) end
    self.unsent = self.unsent - #batch
    flush(self)
    self.on_written()
  end)
end

---Takes over the stream, and writes what is there.
---@param stream userdata of kavach.core
function outbox:attach(stream)
  self.stream = stream
  flush(self)
end

---@param bytes string
---@param first? boolean ahead of all that has not gone out yet
function outbox:add(bytes, first)
  if self.dropped then return end
  self.unsent = self.unsent + #bytes
  table.insert(self.list, first and 1 or #self.list + 1, bytes)
  flush(self)
end

---Forgets what is there, and what comes.
function outbox:drop()
  self.dropped, self.list, self.unsent = true, {}, 0
end

return new
