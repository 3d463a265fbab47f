-- From bytes in pieces of any size to frames: a header of fixed size, and a payload.

---@class kavach.decoder.form what the frames are
---@field head integer bytes of the header
---@field read fun(header: string): integer?, integer|string, integer? kind, channel, and size of
--- the payload; or nil and what is wrong with it
---@field partial? table<integer, boolean> kinds that need not be held until they are whole

---@class kavach.decoder
local decoder = {}
decoder.__index = decoder

---@param form kavach.decoder.form
---@return kavach.decoder
local function new(form)
  return setmetatable({
    form = form, partial = form.partial or {},
    pieces = {}, -- what was fed and not yet taken, in order
    first = 1, -- the oldest piece
    last = 0,
    offset = 1, -- the next byte in the oldest piece
    size = 0, -- bytes in all pieces
    kind = nil, -- of the frame whose header is read, with its channel and what is left of it
    broken = nil,
  }, decoder)
end

---@param bytes string
function decoder:feed(bytes)
  if bytes == "" or self.broken then return end
  self.last = self.last + 1
  self.pieces[self.last] = bytes
  self.size = self.size + #bytes
end

-- Takes count bytes; the caller has seen that they are there. Each byte is copied once, and once
-- more where it was cut across pieces.
local function take(self, count)
  if count == 0 then return "" end
  local parts
  self.size = self.size - count
  while true do
    local piece = self.pieces[self.first]
    local available = #piece - self.offset + 1
    local part
    if available > count then
      part = piece:sub(self.offset, self.offset + count - 1)
      self.offset = self.offset + count
    else
      part = self.offset == 1 and piece or piece:sub(self.offset)
      self.pieces[self.first] = nil
      self.first, self.offset = self.first + 1, 1
      if self.first > self.last then self.first, self.last = 1, 0 end
    end
    count = count - #part
    if count == 0 and not parts then return part end
    parts = parts or {}
    parts[#parts + 1] = part
    if count == 0 then return table.concat(parts) end
  end
end

-- The header of the next frame, if it is there.
local function open_frame(self)
  if self.size < self.form.head then return false end
  local kind, channel, left = self.form.read(take(self, self.form.head))
  if kind then
    self.kind, self.channel, self.left = kind, channel, left
    return true
  end
  self.broken = channel
  self.pieces, self.first, self.last, self.size = {}, 1, 0, 0
  return nil, channel
end

---The next whole frame: its kind, channel and payload; or, of one that may come in parts, what has
---come of it. Nothing if more bytes are needed. Once the bytes broke the rules: nil and why, and
---the same for ever after.
---@return integer? kind
---@return integer|string|nil channel_or_why
---@return string? payload
function decoder:next()
  if self.broken then return nil, self.broken end
  if not self.kind then
    local opened, why = open_frame(self)
    if not opened then return nil, why end
  end
  local kind, count = self.kind, self.left
  if self.size < count then
    if not self.partial[kind] or self.size == 0 then return nil end
    count = self.size
  end
  self.left = self.left - count
  if self.left == 0 then self.kind = nil end
  return kind, self.channel, take(self, count)
end

---How many bytes are best read next: if they are the rest of a payload, they need not be copied.
---@param most integer
---@return integer
function decoder:wanted(most)
  return self.kind and self.size == 0 and self.left < most and self.left or most
end

return new
