--- What is no table, in one line. Of strings all that a terminal could obey is escaped; of anything
--- else no metamethod is called.

local plain = require "kavach.plain"
local width = require "kavach.width"
local words = require "kavach.cli.batch.words"

local M = {}

local getinfo <const>, getmetatable <const> = debug.getinfo, debug.getmetatable
local NAME_MOST <const>, BINARY_MOST <const> = 60, 64

-- ---- strings -----------------------------------------------------------------------------------

local ESCAPES <const> = {
  ["\\"] = "\\\\", ['"'] = '\\"', ["\n"] = "\\n", ["\t"] = "\\t", ["\r"] = "\\r",
}

local function escaped(text)
  return plain.text((text:gsub('[\\"\n\t\r]', ESCAPES)))
end

--- The text's first bytes, so many at the most, without part of a character at their end.
---@param text string
---@param most integer
---@return string
function M.head(text, most)
  if #text <= most then return text end
  local head = text:sub(1, most)
  local last = head:match "[\xc2-\xf4][\x80-\xbf]*$"
  if last and not utf8.len(last) then head = head:sub(1, -#last - 1) end
  return head
end

--- "1 byte", "10 000 bytes"
---@param text string
---@return string
function M.size(text)
  return ("%s byte%s"):format(words.count(#text), #text == 1 and "" or "s")
end

local SAMPLE <const>, TEXT_LEAST <const>, SHARE <const> = 1024, 8, 8

--- Whether hex says more of it than escapes: an eighth of it is not of any text.
---@param text string
---@return boolean
function M.is_binary(text)
  if #text < TEXT_LEAST then return false end
  local sample = M.head(text, SAMPLE)
  local _, bad = sample:gsub("[%z\1-\8\14-\26\28-\31\127]", "")
  local _, wrong = utf8.len(sample)
  while wrong do
    bad = bad + 1
    _, wrong = utf8.len(sample, wrong + 1)
  end
  return bad * SHARE > #sample
end

local function binary(bytes, most)
  local size = M.size(bytes)
  local room = math.max((most - #size - 4) // 2, 1)
  local whole = #bytes <= room
  local hex = bytes:sub(1, whole and room or math.max(room - 1, 1)):gsub(".", function(c)
    return ("%02x"):format(c:byte())
  end)
  return ("<%s: %s%s>"):format(size, hex, whole and "" or "…")
end

--- A string in quotes, or as hex, in so many cells. One that is cut says its length, which is there
--- however few the cells are.
---@param text string
---@param most integer
---@return string
function M.string(text, most)
  if M.is_binary(text) then return binary(text, most) end
  -- Four bytes are a cell at least, but for marks, of which there may be too many.
  local head = M.head(text, most * 4 + 64)
  local body = escaped(head)
  if #head == #text and width.of(body) <= most - 2 then
    return '"' .. width.cut(body, math.max(most, 2)) .. '"'
  end
  local note = (" (%s)"):format(M.size(text))
  local room = math.max(most - 2 - #note, 1)
  body = width.cut(body .. (#head < #text and (" "):rep(room) or ""), room)
  return ('"%s"%s'):format(body, note)
end

-- ---- numbers -----------------------------------------------------------------------------------

local HEX_FROM <const> = 1 << 32

local function float(number)
  if number ~= number then return "nan" end
  if number == math.huge then return "inf" end
  if number == -math.huge then return "-inf" end
  for digits = 14, 17 do
    local text = ("%." .. digits .. "g"):format(number)
    if tonumber(text) == number then return text:find "[.en]" and text or text .. ".0" end
  end
end

--- A number that reads back as it is.
---@param number number
---@return string
function M.number(number)
  return math.type(number) == "float" and float(number) or ("%d"):format(number)
end

--- A number that stands alone: what may be a mask or an address is in hex, too.
---@param number number
---@return string
function M.lone_number(number)
  local text = M.number(number)
  if math.type(number) == "integer" and (number >= HEX_FROM or number <= -HEX_FROM) then
    text = ("%s (0x%x)"):format(text, number)
  end
  return text
end

-- ---- the rest ----------------------------------------------------------------------------------

local LIBRARIES <const> = {
  "_G", "string", "table", "math", "io", "os", "utf8", "coroutine", "debug", "package",
}

-- The name of a function of Lua's own libraries.
local function library_name(fn)
  for _, library in ipairs(LIBRARIES) do
    local functions = rawget(package.loaded, library)
    for key, value in next, type(functions) == "table" and functions or {} do
      if rawequal(value, fn) and type(key) == "string" then
        return library == "_G" and key or library .. "." .. key
      end
    end
  end
  return "C"
end

local function visible(text)
  return (width.cut(plain.text(M.head(text, NAME_MOST * 4)), NAME_MOST))
end

local function function_text(fn)
  local about = getinfo(fn, "S")
  if about.what == "C" then return ("function <%s>"):format(visible(library_name(fn))) end
  return ("function <%s:%d>"):format(visible(about.short_src), about.linedefined)
end

--- The name that a value's metatable has, as visible text.
---@param value any
---@return string?
function M.name_of(value)
  local meta = getmetatable(value)
  local name = meta and rawget(meta, "__name")
  return type(name) == "string" and visible(name) or nil
end

local function userdata_text(value)
  local json = rawget(package.loaded, "kavach.json")
  if json and rawequal(value, json.null) then return "json.null" end
  return ("userdata <%s>"):format(M.name_of(value) or "no name")
end

local STYLES <const> = {
  string = "text", number = "number", boolean = "word", ["nil"] = "word",
}

--- A value that is no table, in so many cells if it can be cut; and the name of its colour.
---@param value any
---@param most integer
---@return string
---@return string style
function M.text(value, most)
  local kind = type(value)
  local text
  if kind == "string" then
    text = M.string(value, M.is_binary(value) and math.min(most, BINARY_MOST) or most)
  elseif kind == "number" then
    text = M.number(value)
  elseif kind == "function" then
    text = function_text(value)
  elseif kind == "thread" then
    text = ("thread <%s>"):format(coroutine.status(value))
  elseif kind == "userdata" then
    text = userdata_text(value)
  elseif kind == "table" then
    text = "table"
  else
    text = tostring(value) -- nil, true, false
  end
  return text, STYLES[kind] or "object"
end

-- ---- keys --------------------------------------------------------------------------------------

local RESERVED <const> = {}
for word in ([[and break do else elseif end false for function goto if in local nil not or repeat
  return then true until while]]):gmatch "%a+" do
  RESERVED[word] = true
end

local KEY_MOST <const> = 40

--- A key as it stands in a table's constructor.
---@param key any
---@return string
function M.key(key)
  if type(key) == "string" and #key <= KEY_MOST and key:find "^[%a_][%w_]*$"
    and not RESERVED[key] then
    return key
  end
  return ("[%s]"):format((M.text(key, KEY_MOST)))
end

--- A key as it stands in a path.
---@param key any
---@return string
function M.step(key)
  local text = M.key(key)
  return text:sub(1, 1) == "[" and text or "." .. text
end

return M
