--- JSON, in one place, with settled answers to what the format leaves open.
---
--- lua-cjson (2.1, as packaged) rounds integers to doubles, turns an empty array into an empty
--- object, keeps the last of duplicate keys, and takes control characters and invalid UTF-8. So it
--- reads the escapes of strings here; numbers and structure are read and written by this file:
---
--- - integers are Lua integers, exact over all 64 bits; one that does not fit is refused;
--- - NaN and infinities are refused in both directions;
--- - what was an array stays one, empty too: `json.array(t)` marks a table as one; a table
---   without the mark is an array if its keys are 1..n, n > 0;
--- - arrays with holes, tables with mixed keys, and duplicate keys are refused;
--- - null is `json.null`;
--- - strings are UTF-8; other bytes are refused (encode them yourself, as base64 say);
--- - nesting is bounded; object keys are written in order, so the same value gives the same bytes.

local cjson = require "cjson".new()
local err = require "kavach.err"

local M = {}

local MAX_DEPTH <const> = 100

M.null = cjson.null

local Array = { __name = "kavach.json.array" }

--- Marks a table (a new one if there is none) as an array.
---@param t table?
---@return table
function M.array(t)
  return setmetatable(t or {}, Array)
end

--- Whether the table was decoded from an array, or marked as one.
---@return boolean
function M.is_array(t)
  return getmetatable(t) == Array
end

-- ---- encoding --------------------------------------------------------------------------------
-- Failures are raised inside, as messages, and caught in M.encode.

local ESCAPES = {
  ['"'] = '\\"', ["\\"] = "\\\\", ["\b"] = "\\b", ["\f"] = "\\f", ["\n"] = "\\n", ["\r"] = "\\r",
  ["\t"] = "\\t",
}

local function escape(c)
  return ESCAPES[c] or ("\\u%04x"):format(c:byte())
end

local function encode_string(s)
  if not utf8.len(s) then error({ "a string is not valid UTF-8" }, 0) end
  return '"' .. s:gsub('[%c"\\]', escape) .. '"'
end

local function encode_number(n)
  if math.type(n) == "integer" then return ("%d"):format(n) end
  if n ~= n or n == math.huge or n == -math.huge then
    error({ ("%s is not a JSON number"):format(n ~= n and "NaN" or "an infinity") }, 0)
  end
  for precision = 15, 17 do
    local text = ("%." .. precision .. "g"):format(n)
    if tonumber(text) == n then
      return text:find "[.e]" and text or text .. ".0"
    end
  end
end

--- The length of an array, or nil for an object. Raises for what is neither.
local function array_length(t)
  local count, marked = 0, M.is_array(t)
  local numbered = marked
  for key in next, t do
    count = count + 1
    if math.type(key) == "integer" then numbered = true end
  end
  if not numbered then return nil end
  for i = 1, count do
    if rawget(t, i) == nil then error({ "an array has holes or other keys" }, 0) end
  end
  return count
end

local encode_value

local function encode_array(t, length, depth)
  local out = {}
  for i = 1, length do out[i] = encode_value(rawget(t, i), depth) end
  return "[" .. table.concat(out, ",") .. "]"
end

local function encode_object(t, depth)
  local keys, out = {}, {}
  for key in next, t do
    if type(key) ~= "string" then error({ ("an object has a %s as key"):format(type(key)) }, 0) end
    keys[#keys + 1] = key
  end
  table.sort(keys)
  for i, key in ipairs(keys) do
    out[i] = encode_string(key) .. ":" .. encode_value(rawget(t, key), depth)
  end
  return "{" .. table.concat(out, ",") .. "}"
end

local function encode_table(t, depth)
  if depth >= MAX_DEPTH then error({ ("nested more than %d deep"):format(MAX_DEPTH) }, 0) end
  local length = array_length(t)
  if length then return encode_array(t, length, depth + 1) end
  return encode_object(t, depth + 1)
end

function encode_value(v, depth)
  local kind = type(v)
  if kind == "string" then return encode_string(v) end
  if kind == "number" then return encode_number(v) end
  if kind == "boolean" then return tostring(v) end
  if kind == "table" then return encode_table(v, depth) end
  if v == nil or v == M.null then return "null" end
  error({ ("a %s has no JSON form"):format(kind) }, 0)
end

-- ---- decoding --------------------------------------------------------------------------------
-- Each reader takes the text and where its value begins; it returns the value and what is next.

local QUOTE <const>, COMMA <const>, COLON <const> = 34, 44, 58
local OPEN_ARRAY <const>, CLOSE_ARRAY <const> = 91, 93
local OPEN_OBJECT <const>, CLOSE_OBJECT <const> = 123, 125

local function bad(at, message)
  error({ ("%s at byte %d"):format(message, at) }, 0)
end

local function skip(s, at)
  return s:find("[^ \t\r\n]", at) or #s + 1
end

--- Where the string that begins at `at` has its closing quote.
local function string_end(s, at)
  local from = at + 1
  while true do
    local found = s:find('["\\]', from)
    if not found then bad(at, "unfinished string") end
    if s:byte(found) == QUOTE then return found end
    from = found + 2
  end
end

local function read_string(s, at)
  local close = string_end(s, at)
  local raw = s:sub(at + 1, close - 1)
  if raw:find "[\0-\31]" then bad(at, "control character in a string") end
  if raw:find("\\", 1, true) then
    local ok, list = pcall(cjson.decode, '["' .. raw .. '"]')
    if not ok or #list ~= 1 then bad(at, "invalid escape in a string") end
    raw = list[1]
  end
  return raw, close + 1
end

local function read_number(s, at)
  local text = s:match("^-?%d+%.?%d*[eE]?[+-]?%d*", at)
  if not text or text:find "^-?0%d" then bad(at, "invalid value") end
  local next_at = at + #text
  if text:find "^-?%d+$" then
    local n = tonumber(text)
    -- Lua reads an integer that does not fit as a float.
    if math.type(n) ~= "integer" then bad(at, "integer beyond 64 bits") end
    return n, next_at
  end
  if not (text:find "^-?%d+%.%d+$" or text:find "^-?%d+[eE][+-]?%d+$"
    or text:find "^-?%d+%.%d+[eE][+-]?%d+$") then
    bad(at, "invalid number")
  end
  local n = tonumber(text)
  if n == math.huge or n == -math.huge then bad(at, "number out of range") end
  return n, next_at
end

local read_value

local function read_array(s, at, depth)
  local out, count = M.array(), 0
  at = skip(s, at + 1)
  if s:byte(at) == CLOSE_ARRAY then return out, at + 1 end
  while true do
    count = count + 1
    out[count], at = read_value(s, at, depth)
    at = skip(s, at)
    local c = s:byte(at)
    if c == CLOSE_ARRAY then return out, at + 1 end
    if c ~= COMMA then bad(at, "expected ',' or ']'") end
    at = skip(s, at + 1)
  end
end

local function read_object(s, at, depth)
  local out = {}
  at = skip(s, at + 1)
  if s:byte(at) == CLOSE_OBJECT then return out, at + 1 end
  while true do
    if s:byte(at) ~= QUOTE then bad(at, "expected a key") end
    local key, after = read_string(s, at)
    if out[key] ~= nil then bad(at, "duplicate key") end
    at = skip(s, after)
    if s:byte(at) ~= COLON then bad(at, "expected ':'") end
    out[key], at = read_value(s, skip(s, at + 1), depth)
    at = skip(s, at)
    local c = s:byte(at)
    if c == CLOSE_OBJECT then return out, at + 1 end
    if c ~= COMMA then bad(at, "expected ',' or '}'") end
    at = skip(s, at + 1)
  end
end

local LITERALS = {
  [("t"):byte()] = { "true", true },
  [("f"):byte()] = { "false", false },
  [("n"):byte()] = { "null", M.null },
}

function read_value(s, at, depth)
  local c = s:byte(at)
  if c == QUOTE then return read_string(s, at) end
  if c == OPEN_OBJECT or c == OPEN_ARRAY then
    if depth >= MAX_DEPTH then bad(at, ("nested more than %d deep"):format(MAX_DEPTH)) end
    return (c == OPEN_OBJECT and read_object or read_array)(s, at, depth + 1)
  end
  local literal = LITERALS[c]
  if literal then
    if s:sub(at, at + #literal[1] - 1) ~= literal[1] then bad(at, "invalid value") end
    return literal[2], at + #literal[1]
  end
  if c == nil then bad(at, "unexpected end") end
  return read_number(s, at)
end

local function read_document(s)
  if not utf8.len(s) then
    local _, at = utf8.len(s)
    bad(at, "invalid UTF-8")
  end
  local value, at = read_value(s, skip(s, 1), 0)
  at = skip(s, at)
  if at <= #s then bad(at, "more after the end") end
  return value
end

-- ---- both ways -------------------------------------------------------------------------------

--- Runs fn; a message raised as { text } becomes an error value, anything else goes on up.
local function guarded(op, fn, ...)
  local ok, result = pcall(fn, ...)
  if ok then return result end
  if type(result) ~= "table" or getmetatable(result) then error(result, 0) end
  return err.fail("invalid_argument", ("%s: %s"):format(op, result[1]), { op = op })
end

--- The JSON text of a value, in one line.
---@param v any
---@return string?
---@return kavach.Error?
function M.encode(v)
  return guarded("json.encode", encode_value, v, 0)
end

--- The value of a JSON document. `null` alone is `json.null`, so nil always means an error.
---@param s string
---@return any
---@return kavach.Error?
function M.decode(s)
  if type(s) ~= "string" then
    error(("json.decode: expected a string, got %s"):format(type(s)), 2)
  end
  return guarded("json.decode", read_document, s)
end

return M
