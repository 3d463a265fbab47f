--- Job tables as text and back, whatever bytes are in them. JSON's strings are UTF-8; a string that
--- is not is written as {"$base64": "…"}, and a table whose keys are not names as
--- {"$pairs": [[key, value], …]}, as is one that would be taken for either of these two.

local base64 = require "kavach.sandbox.base64"
local err = require "kavach.err"
local json = require "kavach.json"

local M = {}

local BYTES <const>, PAIRS <const> = "$base64", "$pairs"
local DEEPEST <const> = 100 -- json.lua's

-- Whether a table can be written as it is: a list without holes, or what has UTF-8 names as keys.
local function is_plain(t)
  if json.is_array(t) then return true end
  local count, list = 0, rawget(t, 1) ~= nil
  for key in next, t do
    count = count + 1
    if not list and (type(key) ~= "string" or not utf8.len(key)) then return false end
  end
  if list then return count == #t end
  return not (count == 1 and (t[BYTES] ~= nil or t[PAIRS] ~= nil))
end

local pack

local function pack_pairs(t, depth)
  local list = json.array()
  for key, value in next, t do
    list[#list + 1] = json.array { pack(key, depth + 2), pack(value, depth + 2) }
  end
  return { [PAIRS] = list }
end

-- The value as JSON can carry it: itself, if it can be.
function pack(value, depth)
  if type(value) == "string" then
    return utf8.len(value) and value or { [BYTES] = base64.encode(value) }
  end
  -- What is too deep, or a circle, json.encode refuses.
  if type(value) ~= "table" or depth > DEEPEST then return value end
  if not is_plain(value) then return pack_pairs(value, depth) end
  local packed
  for key, each in next, value do
    local new = pack(each, depth + 1)
    if new ~= each then
      if not packed then
        packed = setmetatable({}, getmetatable(value))
        for k, v in next, value do packed[k] = v end
      end
      packed[key] = new
    end
  end
  return packed or value
end

local unpack_value

local function unpack_pairs(list)
  local out = {}
  for _, pair in ipairs(list) do
    local key = type(pair) == "table" and unpack_value(pair[1])
    if not key then error({ "'$pairs' is not a list of pairs" }, 0) end
    out[key] = unpack_value(pair[2])
  end
  return out
end

-- In place: what is read from JSON is nobody else's.
function unpack_value(value)
  if type(value) ~= "table" then return value end
  local key, only = next(value)
  if next(value, key) == nil then
    if key == BYTES and type(only) == "string" then
      return base64.decode(only) or error({ "'$base64' is not base64" }, 0)
    elseif key == PAIRS and type(only) == "table" then
      return unpack_pairs(only)
    end
  end
  for k, each in next, value do
    if type(each) == "table" then value[k] = unpack_value(each) end
  end
  return setmetatable(value, nil)
end

---A value that json.encode takes, for one that may have any bytes in it.
---@param value any
---@return any
function M.pack(value) return pack(value, 1) end

---The other way round. What json.decode gave may be changed by it.
---@param value any
---@return any value
---@return kavach.Error?
function M.unpack(value)
  local ok, result = pcall(unpack_value, value)
  if ok then return result end
  if type(result) ~= "table" or getmetatable(result) then error(result, 0) end
  return err.fail("invalid_argument", result[1])
end

---@param spec table
---@return string? text in one line
---@return kavach.Error? error a function, say, has no text
function M.text(spec)
  return json.encode(pack(spec, 1))
end

---@param text string
---@return any spec
---@return kavach.Error?
function M.of(text)
  local value, why = json.decode(text)
  if value == nil then return nil, why end
  return M.unpack(value)
end

return M
