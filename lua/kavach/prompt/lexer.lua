--- The tokens of Lua 5.4 text that somebody may still be typing: it never fails, and takes time in
--- proportion to the text.

local M = {}

---@alias kavach.prompt.kind "name"|"keyword"|"string"|"number"|"symbol"|"comment"

---@class kavach.prompt.token
---@field kind kavach.prompt.kind
---@field from integer the first byte
---@field to integer the last one
---@field text string
---@field unfinished? boolean a string or comment whose end is not there

local KEYWORDS <const> = {}
for word in ([[and break do else elseif end false for function goto if in local nil not or repeat
  return then true until while]]):gmatch "%a+" do
  KEYWORDS[word] = true
end

local SYMBOLS <const> = {
  ["..."] = true, [".."] = true, ["=="] = true, ["~="] = true, ["<="] = true, [">="] = true,
  ["//"] = true, ["::"] = true, ["<<"] = true, [">>"] = true,
}

-- What begins with a character, where that one tells it: "symbol" is a token by itself, whatever is
-- beside it.
local BEGINS <const> = {}
for c in ("(){}],;+*%^&|#\\?!@$`"):gmatch "." do BEGINS[c] = "symbol" end
for c = 0, 255 do
  local char = string.char(c)
  if char:find "[%a_]" then BEGINS[char] = "name" end
  if char:find "%d" then BEGINS[char] = "number" end
end

--- The words that no name can be.
---@return table<string, boolean>
function M.keywords() return KEYWORDS end

-- What begins at `at` with a long bracket: its last byte, and whether its end is missing; nil if
-- there is no such bracket.
local function long_bracket(text, at)
  local _, opened, level = text:find("^%[(=*)%[", at)
  if not opened then return nil end
  local _, closed = text:find("]" .. level .. "]", opened + 1, true)
  return closed or #text, not closed
end

local function quoted(text, at)
  local stop = text:byte(at) == 34 and '["\\\n]' or "['\\\n]"
  local i = at + 1
  while true do
    local found = text:find(stop, i)
    if not found then return #text, true end
    local c = text:byte(found)
    if c == 10 then return found - 1, true end
    if c ~= 92 then return found, false end
    local skipped = text:match("^z%s*()", found + 1) or text:match("^\r\n()", found + 1)
    i = skipped or found + 2
    if i > #text + 1 then return #text, true end
  end
end

local function comment(text, at)
  local last, unfinished = long_bracket(text, at + 2)
  if last then return last, unfinished end
  return (text:find("\n", at, true) or #text + 1) - 1, false
end

-- As Lua's own reader does, it takes what can be no number with it: "3x" is one token.
local function number(text, at)
  local hex = text:find("^0[xX]", at)
  local digits = hex and "^[%x.]*()" or "^[%d.]*()"
  local exponent = hex and "^[pP][+-]?()" or "^[eE][+-]?()"
  local i = text:match(digits, hex and at + 2 or at)
  while true do
    local after = text:match(exponent, i)
    if not after then break end
    i = text:match(digits, after)
  end
  return text:match("^[%w_]*()", i) - 1
end

local function symbol(text, at)
  for size = 3, 2, -1 do
    if SYMBOLS[text:sub(at, at + size - 1)] then return at + size - 1 end
  end
  return at
end

-- Of what BEGINS does not tell.
local function other(text, at, c)
  if c == '"' or c == "'" then return "string", quoted(text, at) end
  if c == "-" and text:find("^-", at + 1) then return "comment", comment(text, at) end
  if c == "." and text:find("^%d", at + 1) then return "number", number(text, at) end
  if c == "[" then
    local last, unfinished = long_bracket(text, at)
    if last then return "string", last, unfinished end
  end
  if c >= "\x80" then return "symbol", text:match("^[\x80-\xff]*()", at) - 1 end
  return "symbol", symbol(text, at)
end

---@param text string
---@return kavach.prompt.token[]
function M.tokens(text)
  local list, count, at = {}, 0, 1
  while true do
    at = text:find("%S", at)
    if not at then return list end
    local c = text:sub(at, at)
    local kind, last, unfinished = BEGINS[c], at, nil
    local word
    if kind == "name" then
      word = text:match("^[%w_]*", at)
      last = at + #word - 1
      if KEYWORDS[word] then kind = "keyword" end
    elseif kind == "number" then
      last = number(text, at)
    elseif not kind then
      kind, last, unfinished = other(text, at, c)
    end
    count = count + 1
    local token = { kind = kind, from = at, to = last, text = word or text:sub(at, last) }
    if unfinished then token.unfinished = true end
    list[count], at = token, last + 1
  end
end

return M
