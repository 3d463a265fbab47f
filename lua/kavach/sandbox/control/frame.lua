-- The control protocol: what is said over a host's control socket.
--
-- A host (a process that has sandboxes) listens on $XDG_RUNTIME_DIR/kavach/PID-STARTTIME.sock, mode
-- 0600, and closes a connection whose other end is not of its own user (SO_PEERCRED). STARTTIME is
-- field 22 of /proc/PID/stat, which tells a process from a later one of the same number.
--
-- Both ways go frames, integers little-endian:
--
--   u32 length   of what follows, 5 to 5 + MESSAGE_MAX
--   u8  kind
--   u32 channel  0: the connection itself
--   …   payload
--
--   kind       channel  from    payload
--   1 HELLO    0        both    message: protocol, version; from the host also kavach, pid, serves
--   2 CALL     new      client  message: method, params. Opens the channel; 1 or more, not in use
--   3 NOTE     open     both    message: something that happened, or is wanted, meanwhile
--   4 DONE     open     host    message: result, or error { kind, message, … }. Ends the channel
--   5 CANCEL   open     client  nothing: the call is of no interest any more; DONE still comes
--   6 DATA     open     both    u8 stream, then 1 to DATA_MAX bytes of it; none: its end
--   7 CREDIT   open     both    u8 stream, u32 how many bytes more; 0: nobody reads it any more
--
-- HELLO is each side's first frame. A message is a JSON object; what is no UTF-8 in it stands as
-- { "$hex": "ff00" }. A call has three streams: 0 goes to the host, 1 and 2 come from it. Of each,
-- WINDOW bytes may be sent, and then as many more as there was credit for. What the sides may still
-- say when a channel has ended, because it crossed, is dropped. Anything else that is not as above
-- ends the connection. Which methods there are, and what they take and give: methods.lua.

local err = require "kavach.err"
local json = require "kavach.json"
local decoder = require "kavach.sandbox.decoder"
local flow = require "kavach.sandbox.flow"
local wire = require "kavach.sandbox.wire"

local frame = {
  PROTOCOL = "kavach-control", VERSION = 1,
  HELLO = 1, CALL = 2, NOTE = 3, DONE = 4, CANCEL = 5, DATA = 6, CREDIT = 7,
  INPUT = 0, OUTPUT = 1, ERRORS = 2,
  WINDOW = flow.WINDOW, DATA_MAX = wire.DATA_MAX, MESSAGE_MAX = 1024 * 1024,
}

local LENGTH <const>, HEAD <const> = 4, 5

-- The sizes that a payload may have, by kind.
local SIZES <const> = {
  [frame.HELLO] = { 2, 4096 },
  [frame.CALL] = { 2, frame.MESSAGE_MAX },
  [frame.NOTE] = { 2, 64 * 1024 },
  [frame.DONE] = { 2, frame.MESSAGE_MAX },
  [frame.CANCEL] = { 0, 0 },
  [frame.DATA] = { 1, 1 + frame.DATA_MAX },
  [frame.CREDIT] = { 5, 5 },
}

---@param kind integer
---@param channel integer
---@param payload? string
---@return string
function frame.encode(kind, channel, payload)
  payload = payload or ""
  return string.pack("<I4BI4", HEAD + #payload, kind, channel) .. payload
end

-- ---- messages ----------------------------------------------------------------------------------

local HEX <const> = "$hex"

local function to_json(value)
  if type(value) == "string" and not utf8.len(value) then
    return { [HEX] = (value:gsub(".", function(c) return ("%02x"):format(c:byte()) end)) }
  elseif type(value) ~= "table" then
    return value
  end
  local out = json.is_array(value) and json.array() or {}
  for key, element in next, value do out[key] = to_json(element) end
  return out
end

local function from_hex(value)
  local text = value[HEX]
  if type(text) ~= "string" or next(value, HEX) ~= nil or next(value) ~= HEX then return nil end
  if #text % 2 ~= 0 or text:find "%X" then return nil end
  return (text:gsub("%x%x", function(byte) return string.char(tonumber(byte, 16)) end))
end

local function from_json(value)
  if value == json.null then return nil end
  if type(value) ~= "table" then return value end
  local bytes = from_hex(value)
  if bytes then return bytes end
  for key, element in next, value do value[key] = from_json(element) end
  return value
end

---The payload of a message.
---@param message table
---@return string? payload
---@return kavach.Error?
function frame.message(message)
  local text, why = json.encode(to_json(message))
  if not text then return nil, why end
  if #text > frame.MESSAGE_MAX then
    return err.fail("invalid_argument",
      ("control: a message of %d bytes; %d are the most"):format(#text, frame.MESSAGE_MAX))
  end
  return text
end

---@param payload string
---@return table? message
---@return string? why
function frame.parse_message(payload)
  local value, why = json.decode(payload)
  if not value then return nil, tostring(why) end
  if type(value) ~= "table" or json.is_array(value) then return nil, "a message is no object" end
  value = from_json(value)
  if type(value) ~= "table" then return nil, "a message is no object" end
  return value
end

-- ---- reading -----------------------------------------------------------------------------------

local FORM <const> = {
  head = LENGTH + HEAD,
  read = function(header)
    local length, kind, channel = string.unpack("<I4BI4", header)
    local sizes = SIZES[kind]
    if not sizes then return nil, ("a frame of unknown kind %d"):format(kind) end
    if length < HEAD + sizes[1] or length > HEAD + sizes[2] then
      return nil, ("a frame of kind %d with a length of %d"):format(kind, length)
    end
    return kind, channel, length - HEAD
  end,
}

---@return kavach.decoder
function frame.decoder() return decoder(FORM) end

return frame
