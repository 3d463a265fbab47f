--- A policy's text as tokens: all that the checks of kavach.attest.lint need to know of Lua.

local M = {}

local KEYWORDS <const> = {}
for word in ([[and break do else elseif end false for function goto if in local nil not or repeat
  return then true until while]]):gmatch "%a+" do KEYWORDS[word] = true end

---@class kavach.Token
---@field kind "name"|"keyword"|"text"|"number"|"sign"
---@field text string
---@field line integer

-- Where the long bracket that begins at `at` ends; nil if there is none.
local function long_end(source, at)
  local level = source:match("^%[(=*)%[", at)
  if not level then return nil end
  local _, last = source:find("]" .. level .. "]", at + #level + 2, true)
  return last or #source
end

local function comment_end(source, at)
  return long_end(source, at + 2) or (source:find("\n", at, true) or #source + 1) - 1
end

local function quoted_end(source, at)
  local quote, from = source:sub(at, at), at + 1
  while true do
    local found = source:find('[\\"\'\n]', from)
    if not found then return #source end
    local c = source:sub(found, found)
    if c == quote or c == "\n" then return found end
    from = found + (c == "\\" and 2 or 1)
  end
end

local SIGNS <const> = { "...", "..", "==", "~=", "<=", ">=", "//", "::", "<<", ">>" }

local function sign_end(source, at)
  for _, sign in ipairs(SIGNS) do
    if source:sub(at, at + #sign - 1) == sign then return at + #sign - 1 end
  end
  return at
end

-- The kind and the end of what begins at `at`.
local function read(source, at)
  local last = select(2, source:find("^[%a_][%w_]*", at))
  if last then
    return KEYWORDS[source:sub(at, last)] and "keyword" or "name", last
  end
  last = select(2, source:find("^0[xX][%x.]*[pP]?[+-]?%x*", at))
    or select(2, source:find("^%d[%w.]*", at)) or select(2, source:find("^%.%d[%w.]*", at))
  if last then return "number", last end
  if source:find("^[\"']", at) then return "text", quoted_end(source, at) end
  last = long_end(source, at)
  if last then return "text", last end
  return "sign", sign_end(source, at)
end

--- The tokens of a text, without its comments.
---@param source string
---@return kavach.Token[]
function M.of(source)
  local list, at, line = {}, 1, 1
  while true do
    local start = source:find("%S", at)
    if not start then return list end
    line = line + select(2, source:sub(at, start - 1):gsub("\n", ""))
    local last
    if source:find("^%-%-", start) then
      last = comment_end(source, start)
    else
      local kind
      kind, last = read(source, start)
      list[#list + 1] = { kind = kind, text = source:sub(start, last), line = line }
    end
    line = line + select(2, source:sub(start, last):gsub("\n", ""))
    at = last + 1
  end
end

return M
