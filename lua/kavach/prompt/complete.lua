--- What a text at the prompt may go on with. Nothing of what it names is run.

local annotations = require "kavach.prompt.annotations"
local calls = require "kavach.prompt.complete.calls"
local chain = require "kavach.prompt.complete.chain"
local files = require "kavach.prompt.complete.files"
local lexer = require "kavach.prompt.lexer"
local plain = require "kavach.plain"
local values = require "kavach.prompt.complete.values"

local M = {}

---@class kavach.prompt.scope what there is to be named
---@field global fun(name: string): any what a name stands for; runs no code of the person's
---@field names (fun(): string[])|string[] globals, and what the session keeps
---@field commands table<string, { arguments: "sandbox"|"running"|"file"|"expression"|nil }>
---@field sandboxes fun(): string[] ids and names
---@field jobs fun(): (string|integer)[]

-- ---- lists of choices --------------------------------------------------------------------------

local find, sub = string.find, string.sub
local IDENTIFIER <const> = "^[%a_][%w_]*$"

-- A function that takes names, and the list of those that begin with the prefix.
local function collector(prefix)
  local list, size, count = {}, #prefix, 0
  return function(name, shown)
    if sub(name, 1, size) == prefix then
      count = count + 1
      list[count] = shown or name
    end
  end, list
end

-- Of very many choices a person sees the first: those come first, and the others as they are.
local MANY <const>, SAMPLE <const>, PART <const> = 2000, 64, 8

local function first_first(list)
  local sample, step = {}, #list // SAMPLE
  for i = 1, SAMPLE do sample[i] = list[i * step] end
  table.sort(sample)
  local limit, low, high, lows, highs = sample[SAMPLE // PART], {}, {}, 0, 0
  for i = 1, #list do
    local each = list[i]
    if each <= limit then
      lows = lows + 1
      low[lows] = each
    else
      highs = highs + 1
      high[highs] = each
    end
  end
  table.sort(low)
  return table.move(high, 1, highs, lows + 1, low)
end

-- In order, and each once.
local function sorted(start, list)
  if #list > MANY then return start, first_first(list) end
  table.sort(list)
  local count = 0
  for i = 1, #list do
    local each = list[i]
    if each ~= list[count] then
      count = count + 1
      list[count] = each
    end
  end
  for i = #list, count + 1, -1 do list[i] = nil end
  return start, list
end

local function among(prefix, list)
  local add, choices = collector(prefix)
  for _, each in ipairs(list or {}) do
    local of = type(each)
    if of == "string" or of == "number" then add(tostring(each)) end
  end
  return sorted(#prefix, choices)
end

-- ---- names and fields --------------------------------------------------------------------------

local function names(prefix, scope)
  local add, choices = collector(prefix)
  local known, size = scope.names, #prefix
  for _, name in ipairs(type(known) == "function" and known() or known or {}) do
    if type(name) == "string" and sub(name, 1, size) == prefix and find(name, IDENTIFIER) then
      add(name)
    end
  end
  for word in next, lexer.keywords() do add(word) end
  return sorted(#prefix, choices)
end

-- What stands behind "." or ":" at the token `at`.
local function fields(tokens, at, prefix, scope)
  local meaning = chain.meaning(tokens, at - 1, scope)
  if not meaning then return 0, {} end
  local methods = tokens[at].text == ":"
  local choices, count, size = {}, 0, #prefix
  local keywords, hidden = lexer.keywords(), prefix:sub(1, 1) ~= "_"
  local function offer(name, is_function)
    if methods and not is_function or size > 0 and sub(name, 1, size) ~= prefix
      or not find(name, IDENTIFIER) or hidden and find(name, "^__") or keywords[name] then
      return
    end
    count = count + 1
    choices[count] = name
  end
  values.each(meaning.value, function(name, value) offer(name, type(value) == "function") end)
  local class = meaning.class
  for _ = 1, 10 do
    local known = annotations.classes()[class]
    if not known then break end
    for name, member in next, known.members do offer(name, member.method) end
    class = known.base
  end
  return sorted(#prefix, choices)
end

-- ---- options -----------------------------------------------------------------------------------

-- The keys that may stand in the innermost table; nil if it is none of options.
local function options(tokens, stack, prefix, rest, scope)
  local frame = stack[#stack]
  if not frame or frame.open ~= "{" or not frame.fresh then return nil end
  local known = calls.fields(calls.table_type(tokens, stack, #stack, scope))
  if #known == 0 then return nil end
  local add, choices = collector(prefix)
  local behind = calls.keys_behind(lexer.tokens(rest))
  local ends = rest:find "^%s*=" and "" or " = "
  for _, field in ipairs(known) do
    local name = field.name
    if not frame.keys[name] and not behind[name] then add(name, name .. ends) end
  end
  return sorted(#prefix, choices)
end

-- ---- strings -----------------------------------------------------------------------------------

-- The keys of what the bracket before a string belongs to.
local function keys(tokens, content, scope)
  local meaning = chain.meaning(tokens, #tokens - 1, scope)
  local add, choices = collector(content)
  meaning = meaning or {}
  values.each(meaning.value, function(name)
    if not find(name, "[\"'\\%c]") and plain.text(name) == name then add(name) end
  end)
  local class = annotations.classes()[meaning.class]
  for name in next, class and class.members or {} do add(name) end
  return sorted(#content, choices)
end

local function in_string(tokens, token, scope)
  local content = token.text:match "^%[=*%[(.*)$" or token.text:sub(2)
  if content:find "\\" then return 0, {} end
  local stack = calls.open(tokens)
  local open = stack[#stack]
  if open and open.open == "[" and open.index == #tokens then
    return keys(tokens, content, scope)
  end
  local of = calls.value_type(tokens, stack, #stack, #tokens + 1, stack[#stack], scope)
  local literals = calls.literals(of)
  if #literals > 0 then return among(content, literals) end
  if content:find "\n" then return 0, {} end
  return sorted(files(content))
end

-- ---- Lua ---------------------------------------------------------------------------------------

local NO_NAMES <const> = { ["local"] = true, ["goto"] = true, ["for"] = true, ["::"] = true }

-- Whether what is written there is a name that is new.
local function is_new(tokens)
  local last, before = tokens[#tokens], tokens[#tokens - 1]
  if not last then return false end
  return NO_NAMES[last.text] and last.kind ~= "string"
    or last.text == "function" and before and before.text == "local"
end

local function lua(before, rest, scope)
  local tokens = {}
  local ends_in_comment = false
  for _, token in ipairs(lexer.tokens(before)) do
    ends_in_comment = token.kind == "comment" and token.to == #before
      and (token.unfinished or not token.text:find "^%-%-%[=*%[")
    if token.kind ~= "comment" then tokens[#tokens + 1] = token end
  end
  local last = tokens[#tokens]
  local touches = last and last.to == #before
  if ends_in_comment or touches and last.kind == "number" then return 0, {} end
  if touches and last.unfinished then
    tokens[#tokens] = nil
    return in_string(tokens, last, scope)
  end
  local prefix = ""
  if touches and (last.kind == "name" or last.kind == "keyword") then
    prefix, tokens[#tokens] = last.text, nil
  end
  if is_new(tokens) then return 0, {} end
  local sign = tokens[#tokens]
  if sign and (sign.text == "." or sign.text == ":") then
    return fields(tokens, #tokens, prefix, scope)
  end
  local start, choices = options(tokens, calls.open(tokens), prefix, rest, scope)
  if start then return start, choices end
  return names(prefix, scope)
end

-- ---- commands ----------------------------------------------------------------------------------

local ARGUMENTS <const> = {
  sandbox = function(text, scope)
    if text:find "%s" then return 0, {} end
    return among(text, scope.sandboxes())
  end,
  running = function(text, scope)
    if text:find "%s" then return 0, {} end
    local list = scope.sandboxes()
    return among(text, table.move(scope.jobs(), 1, #scope.jobs(), #list + 1, list))
  end,
  file = function(text)
    local start, found = files(text:match "^.*%s(.*)$" or text)
    local choices = {}
    for _, name in ipairs(found) do
      if not name:find "%s" then choices[#choices + 1] = name end
    end
    return sorted(start, choices)
  end,
  expression = function(text, scope, rest) return lua(text, rest, scope) end,
}

local function command(before, rest, scope)
  local begun = before:match "^%s*%.([%w_-]*)$"
  if begun then
    local add, choices = collector(begun)
    for name in next, scope.commands or {} do
      add(name, "." .. name .. (rest:find "^%s" and "" or " "))
    end
    return sorted(#begun + 1, choices)
  end
  local name, text = before:match "^%s*%.(%a[%w_-]*)%s+(.*)$"
  if not name then return nil end
  local known = scope.commands and scope.commands[name]
  local complete = known and ARGUMENTS[known.arguments]
  if not complete then return 0, {} end
  return complete(text, scope, rest)
end

--- What may stand at a place of a text.
---@param text string
---@param cursor integer bytes before the place
---@param scope kavach.prompt.scope
---@return integer start so many bytes before the place are what a choice takes the place of
---@return string[] choices sorted; of more than 2000, the first are
function M.at(text, cursor, scope)
  local before, rest = text:sub(1, cursor), text:sub(cursor + 1)
  local start, choices = command(before, rest, scope)
  if start then return start, choices end
  return lua((before:gsub("^%s*&", function(sign) return (" "):rep(#sign) end)), rest, scope)
end

return M
