--- Where in tables of options a text breaks off, and what annotations say that may stand there.

local annotations = require "kavach.prompt.annotations"
local chain = require "kavach.prompt.complete.chain"
local types = require "kavach.prompt.annotations.types"

local M = {}

local DEEP_MOST <const> = 50 -- tables within tables that are told apart
local OPENS <const> = { ["function"] = true, ["do"] = true, ["if"] = true, ["repeat"] = true }
local CLOSES <const> = { ["end"] = true, ["until"] = true }
local PAIRS <const> = { ["}"] = "{", [")"] = "(", ["]"] = "[" }

---@class kavach.prompt.frame a bracket or block that is open
---@field open "{"|"("|"["|"block"
---@field index integer the token that opens it
---@field keys table<string, boolean> that a table has so far
---@field key? string whose value is being written
---@field fresh? boolean a key may stand here
---@field maybe? string a name that is a key if "=" follows
---@field argument integer of a call

local function push(stack, open, index)
  stack[#stack + 1] = { open = open, index = index, keys = {}, fresh = true, argument = 1 }
end

-- A token that opens and closes nothing, within the innermost frame.
local function inside(frame, token)
  local text = token.kind == "symbol" and token.text
  if text == "," or text == ";" then
    frame.fresh, frame.key, frame.maybe = true, nil, nil
    frame.argument = frame.argument + 1
  elseif text == "=" and frame.maybe then
    frame.key, frame.keys[frame.maybe], frame.maybe = frame.maybe, true, nil
  else
    frame.maybe = frame.fresh and token.kind == "name" and token.text or nil
    frame.fresh = false
  end
end

-- What is open behind the tokens; `on_close` ends it early where the first of them is closed.
local function walk(tokens, stack, on_close)
  for i, token in ipairs(tokens) do
    local top = stack[#stack]
    local symbol = token.kind == "symbol" and token.text
    local word = token.kind == "keyword" and token.text
    if symbol == "{" or symbol == "(" or symbol == "[" or OPENS[word] then
      if top then top.fresh, top.maybe = false, nil end
      push(stack, OPENS[word] and "block" or symbol, i)
    elseif PAIRS[symbol] or CLOSES[word] then
      local fits = top and top.open == (PAIRS[symbol] or "block")
      if fits and #stack == 1 and on_close then return end
      if fits then stack[#stack] = nil end
    elseif top and token.kind ~= "comment" then
      inside(top, token)
    end
  end
end

--- The brackets and blocks that are open behind the tokens, the innermost one last.
---@param tokens kavach.prompt.token[]
---@return kavach.prompt.frame[]
function M.open(tokens)
  local stack = {}
  walk(tokens, stack)
  return stack
end

--- The keys that the rest of an open table has.
---@param tokens kavach.prompt.token[] what follows
---@return table<string, boolean>
function M.keys_behind(tokens)
  local stack = {}
  push(stack, "{", 0)
  stack[1].fresh = false
  walk(tokens, stack, true)
  return stack[1] and stack[1].keys or {}
end

-- ---- types -------------------------------------------------------------------------------------

--- The fields that a value of the type may have.
---@param of string?
---@return { name: string, type: string }[]
function M.fields(of)
  local list = {}
  for _, each in ipairs(of and types.alternatives(of) or {}) do
    local class = annotations.classes()[each.name]
    if each.fields then table.move(each.fields, 1, #each.fields, #list + 1, list) end
    if class and #class.functions == 0 then
      local fields = annotations.fields(class.name)
      table.move(fields, 1, #fields, #list + 1, list)
    end
  end
  return list
end

--- The strings that a value of the type may be, if it may be only some.
---@param of string?
---@return string[]
function M.literals(of)
  local list = {}
  for _, each in ipairs(of and types.alternatives(of) or {}) do list[#list + 1] = each.literal end
  return list
end

local function field_type(of, name)
  for _, field in ipairs(M.fields(of)) do
    if field.name == name then return field.type end
  end
end

local function item_type(of)
  for _, each in ipairs(of and types.alternatives(of) or {}) do
    if each.item then return (each.item:gsub("^%((.*)%)$", "%1")) end
  end
end

-- The type of an argument of the function that ends before the token `at`.
local function argument_type(tokens, at, number, scope)
  local meaning = chain.meaning(tokens, at - 1, scope)
  local param = meaning and meaning.callable and meaning.callable.params[number]
  return param and param.type
end

--- The type of what the bracket of a frame encloses, if it is a table.
---@param tokens kavach.prompt.token[]
---@param stack kavach.prompt.frame[]
---@param depth integer the frame's place
---@param scope kavach.prompt.scope
---@return string?
function M.table_type(tokens, stack, depth, scope)
  if depth > DEEP_MOST then return nil end
  local frame, parent = stack[depth], stack[depth - 1]
  return M.value_type(tokens, stack, depth - 1, frame.index, parent, scope)
end

--- The type of a value that begins at the token `at`, within the frame at `depth`.
---@param tokens kavach.prompt.token[]
---@param stack kavach.prompt.frame[]
---@param depth integer 0: within none
---@param at integer
---@param parent kavach.prompt.frame?
---@param scope kavach.prompt.scope
---@return string?
function M.value_type(tokens, stack, depth, at, parent, scope)
  local before = tokens[at - 1]
  if not before then return nil end
  local begins = parent and (at - 1 == parent.index or before.text == "," or before.text == ";")
  if parent and parent.open == "{" and parent.key and before.text == "=" then
    return field_type(M.table_type(tokens, stack, depth, scope), parent.key)
  elseif begins and parent.open == "{" then
    return item_type(M.table_type(tokens, stack, depth, scope))
  elseif begins and parent.open == "(" then
    return argument_type(tokens, parent.index, parent.argument, scope)
  elseif not begins then
    return argument_type(tokens, at, 1, scope)
  end
end

return M
