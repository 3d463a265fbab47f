--- Expressions such as `a.b["c"]:d{…}.e`, read backwards from their last token, and what they stand
--- for, as far as that can be known without running anything.

local annotations = require "kavach.prompt.annotations"
local types = require "kavach.prompt.annotations.types"
local values = require "kavach.prompt.complete.values"

local M = {}

local NESTED_MOST <const> = 10 -- one assert(…) in another
local OPENING <const> = { [")"] = "(", ["]"] = "[", ["}"] = "{" }
local CLOSING <const> = { ["("] = true, ["["] = true, ["{"] = true }

---@class kavach.prompt.meaning
---@field value any nil if it is not known
---@field class? string of annotations
---@field callable? kavach.prompt.callable what annotations say of calling it

-- The token that opens what the one at `at` closes.
local function opening(tokens, at)
  local depth = 0
  for i = at, 1, -1 do
    local token = tokens[i]
    if token.kind == "symbol" then
      if OPENING[token.text] then depth = depth + 1 end
      if CLOSING[token.text] then depth = depth - 1 end
      if depth == 0 then return token.text == OPENING[tokens[at].text] and i or nil end
    end
  end
end

-- Whether an expression that can be called or indexed may end there.
local function ends_one(token)
  return token and (token.kind == "name" or token.kind == "string" or token.text == ")"
    or token.text == "]" or token.text == "}")
end

local function literal(token)
  if token.unfinished then return nil end
  local chunk = load("return " .. token.text, "=literal", "t", {})
  return chunk and chunk()
end

-- One step back from the token at `at`: the step, and where the rest ends; 0: there is none.
local function step_back(tokens, at)
  local token, before = tokens[at], tokens[at - 1]
  if token.kind == "name" then
    if before and (before.text == "." or before.text == ":") then
      return { key = token.text }, at - 2
    end
    return { name = token.text }, 0
  elseif token.kind == "string" then
    if ends_one(before) then return { call = true }, at - 1 end
    return { value = literal(token) }, 0
  elseif token.text == "]" then
    local from = opening(tokens, at)
    if from ~= at - 2 then return nil end
    return { key = literal(tokens[at - 1]) }, from - 1
  elseif token.text == ")" or token.text == "}" then
    local from = opening(tokens, at)
    if not from then return nil end
    if ends_one(tokens[from - 1]) then return { call = true, from = from, to = at }, from - 1 end
    if token.text == ")" and from == at - 2 and before.kind == "string" then
      return { value = literal(before) }, 0
    end
  end
end

-- The steps of the expression that ends at the token `last`, the first one first.
local function read(tokens, last)
  local steps, at = {}, last
  while at > 0 do
    local token = tokens[at]
    local step, rest = nil, nil
    if token.kind ~= "keyword" then step, rest = step_back(tokens, at) end
    if not step then return nil end
    steps[#steps + 1], at = step, rest
  end
  for i = 1, #steps // 2 do steps[i], steps[#steps + 1 - i] = steps[#steps + 1 - i], steps[i] end
  return steps
end

-- ---- what it stands for ------------------------------------------------------------------------

-- What a type of annotations says of a value of it.
local function of_type(text)
  for _, each in ipairs(types.alternatives(text)) do
    local class = annotations.classes()[each.name]
    if class then return { class = class.name, callable = class.call } end
  end
  return {}
end

local function of_value(value)
  local class = values.class(value)
  local known = class and annotations.classes()[class]
  return { value = value, class = class, callable = known and known.call or values.callable(value) }
end

local function of_key(meaning, key)
  local member = type(key) == "string" and annotations.member(meaning.class, key) or nil
  local found = of_value(values.get(meaning.value, key))
  if not member then return found end
  local told = member.params and { callable = member } or of_type(member.type)
  return {
    value = found.value, class = found.class or told.class,
    callable = found.callable or told.callable,
  }
end

local function of_call(meaning)
  local result = meaning.callable and meaning.callable.returns[1]
  return result and of_type(result.type) or {}
end

--- What the expression that ends at the token `last` stands for; nil if nothing can be said.
---@param tokens kavach.prompt.token[]
---@param last integer
---@param scope kavach.prompt.scope
---@param nested? integer within so many others
---@return kavach.prompt.meaning?
function M.meaning(tokens, last, scope, nested)
  nested = nested or 0
  local steps = last > 0 and nested < NESTED_MOST and read(tokens, last)
  if not steps then return nil end
  local first = steps[1]
  local meaning = of_value(first.name and scope.global(first.name) or first.value)
  for i = 2, #steps do
    local step = steps[i]
    if not step.call then
      meaning = of_key(meaning, step.key)
    elseif i == 2 and first.name == "assert" and step.from then
      meaning = M.meaning(tokens, step.to - 1, scope, nested + 1) or {}
    else
      meaning = of_call(meaning)
    end
  end
  return meaning
end

return M
