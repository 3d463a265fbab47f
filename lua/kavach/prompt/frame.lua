--- What a session and its front end say to each other: core/prompt/protocol.h has the frames.

local decoder = require "kavach.sandbox.decoder"

local frame = {
  MAX = 64 * 1024 * 1024,
  -- from the session
  WELCOME = 1, READY = 2, BUSY = 3, MORE = 4, OUTPUT = 5, CHOICES = 6, RAW = 7, BYE = 8,
  -- from the front end
  HELLO = 65, SUBMIT = 66, COMPLETE = 67, INTERRUPT = 68, END = 69, SIZE = 70, KEYS = 71,
  -- flags of READY and HELLO
  ANSWER = 1,
  COLOUR = 1, UTF8 = 2, DUMB = 4,
}

-- The sizes that the payload of a front end's frame may have, by kind.
local SIZES <const> = {
  [frame.HELLO] = { 5, 5 }, [frame.SUBMIT] = { 4, frame.MAX - 1 },
  [frame.COMPLETE] = { 8, frame.MAX - 1 }, [frame.INTERRUPT] = { 0, 0 }, [frame.END] = { 1, 5 },
  [frame.SIZE] = { 4, 4 }, [frame.KEYS] = { 1, frame.MAX - 1 },
}

---@param kind integer
---@param payload? string
---@return string
function frame.encode(kind, payload)
  payload = payload or ""
  return string.pack("<I4B", 1 + #payload, kind) .. payload
end

local FORM <const> = {
  head = 5,
  read = function(header)
    local length, kind = string.unpack("<I4B", header)
    local sizes = SIZES[kind]
    if not sizes then return nil, ("a frame of unknown kind %d"):format(kind) end
    if length < 1 + sizes[1] or length > 1 + sizes[2] then
      return nil, ("a frame of kind %d with a length of %d"):format(kind, length)
    end
    return kind, 0, length - 1
  end,
}

--- Reads what a front end says.
---@return kavach.decoder
function frame.decoder() return decoder(FORM) end

return frame
