--- Findings about conditions that always come out the same, and rules that look at nothing.

local M = {}

local function finding(token, message, ...)
  return { line = token.line, code = "condition", message = message:format(...) }
end

-- ---- conditions --------------------------------------------------------------------------------

local ENDS <const> = { ["if"] = "then", ["elseif"] = "then", ["while"] = "do" }

-- Whether the tokens are an expression without anything that can change.
local function is_constant(tokens, first, last)
  if first > last then return false end
  for i = first, last do
    local token = tokens[i]
    local varies = token.kind == "name" or token.text == "{" or token.text == "..."
      or token.text == "function"
    if varies then return false end
  end
  return true
end

local function text_of(tokens, first, last)
  local parts = {}
  for i = first, last do parts[#parts + 1] = tokens[i].text end
  return table.concat(parts, " ")
end

-- Where the expression behind `at` ends: before the keyword.
local function find_keyword(tokens, at, keyword)
  local depth = 0
  for i = at + 1, #tokens do
    local text = tokens[i].text
    if tokens[i].kind == "keyword" then
      if text == keyword and depth == 0 then return i end
      if text == "function" then depth = depth + 1 end
      if text == "end" and depth > 0 then depth = depth - 1 end
    end
  end
end

local function add_conditions(tokens, out)
  for i, token in ipairs(tokens) do
    local keyword = token.kind == "keyword" and ENDS[token.text]
    local stop = keyword and find_keyword(tokens, i, keyword)
    local always = stop and is_constant(tokens, i + 1, stop - 1)
    -- `while true` is how a loop is written that ends by `break`
    if always and not (token.text == "while" and text_of(tokens, i + 1, stop - 1) == "true") then
      out[#out + 1] = finding(token, "the condition '%s' always comes out the same",
        text_of(tokens, i + 1, stop - 1))
    end
  end
end

-- ---- parts of expressions ----------------------------------------------------------------------

local OPERATORS <const> = {}
for sign in ("+ - * / // % ^ .. == ~= < <= > >= & | ~ << >> . : [ ("):gmatch "%S+" do
  OPERATORS[sign] = true
end

-- Whether the token goes on with the expression before it, and binds tighter than `and`.
local function goes_on(token)
  return token ~= nil and (OPERATORS[token.text] == true and token.kind == "sign")
end

-- `or true`, `and false`, `and nil`: what is before it does not matter.
local function add_shortcuts(tokens, out)
  for i, token in ipairs(tokens) do
    local value = tokens[i + 1]
    local is_or = token.text == "or" and token.kind == "keyword"
    local is_and = token.text == "and" and token.kind == "keyword"
    if value and value.kind == "keyword" and not goes_on(tokens[i + 2]) then
      if is_or and value.text == "true" then
        out[#out + 1] = finding(token, "'or true' is true whatever is before it")
      elseif is_and and (value.text == "false" or value.text == "nil") then
        out[#out + 1] = finding(token, "'and %s' is never true", value.text)
      end
    end
  end
end

-- The "a.b.c" that ends, or begins, at `at`, and where it ends.
local function chain(tokens, at, step)
  if not tokens[at] or tokens[at].kind ~= "name" then return nil end
  local last = at
  while tokens[last + step] and tokens[last + step].text == "." and tokens[last + 2 * step]
    and tokens[last + 2 * step].kind == "name" do
    last = last + 2 * step
  end
  return text_of(tokens, math.min(at, last), math.max(at, last)), last
end

local COMPARISONS <const> = { ["=="] = true, ["~="] = true, ["<"] = true, [">"] = true,
  ["<="] = true, [">="] = true }

local function add_comparisons(tokens, out)
  for i, token in ipairs(tokens) do
    if token.kind == "sign" and COMPARISONS[token.text] then
      local left, first = chain(tokens, i - 1, -1)
      local right, last = chain(tokens, i + 1, 1)
      local whole = left and right and not goes_on(tokens[last + 1])
        and not (tokens[first - 1] and tokens[first - 1].kind == "sign"
          and OPERATORS[tokens[first - 1].text] and tokens[first - 1].text ~= "(")
      if whole and left == right then
        out[#out + 1] = finding(token, "'%s' is compared with itself", (left:gsub(" ", "")))
      end
    end
  end
end

-- ---- rules -------------------------------------------------------------------------------------

local OPENS <const> = { ["function"] = true, ["if"] = true, ["do"] = true, ["repeat"] = true }
local CLOSES <const> = { ["end"] = true, ["until"] = true }

-- The index of the `end` of the function that begins at `at`.
local function body_end(tokens, at)
  local depth = 0
  for i = at, #tokens do
    local token = tokens[i]
    if token.kind == "keyword" then
      if OPENS[token.text] then depth = depth + 1 end
      if CLOSES[token.text] then depth = depth - 1 end
      if depth == 0 then return i end
    end
  end
  return #tokens
end

-- Names that are not the fields of something.
local function names_in(tokens, first, last)
  local names = {}
  for i = first, last do
    local before = tokens[i - 1]
    if tokens[i].kind == "name" and not (before and (before.text == "." or before.text == ":")) then
      names[tokens[i].text] = true
    end
  end
  return names
end

local function locals_of(tokens)
  local names = {}
  for i, token in ipairs(tokens) do
    if token.text == "local" and token.kind == "keyword" then
      local at = i + 1
      while tokens[at] and (tokens[at].kind == "name" or tokens[at].text == "function"
        or tokens[at].text == ",") do
        if tokens[at].kind == "name" then names[tokens[at].text] = at end
        at = at + 1
      end
    end
  end
  return names
end

--- The rules that are written with their functions: each { name, parameter, first, last } with the
--- places of its body.
---@param tokens kavach.Token[]
---@return table[]
function M.rules(tokens)
  local list = {}
  for i, token in ipairs(tokens) do
    local at = i + 2
    if tokens[at] and tokens[at].text == "(" then at = at + 1 end
    local is_rule = token.kind == "name" and token.text == "rule" and tokens[i + 1]
      and tokens[i + 1].kind == "text" and tokens[at] and tokens[at].text == "function"
    if is_rule then
      local parameter = tokens[at + 2] and tokens[at + 2].kind == "name" and tokens[at + 2].text
      list[#list + 1] = {
        name = tokens[i + 1].text, token = token, parameter = parameter,
        first = at + 2, last = body_end(tokens, at),
      }
    end
  end
  return list
end

-- Whether anything in a rule's body can differ from one piece of evidence to the next.
local function looks_at_something(tokens, rule, locals)
  local first = rule.first + (rule.parameter and 1 or 0)
  local names = names_in(tokens, first, rule.last)
  if names.data or rule.parameter and names[rule.parameter] then return true end
  for name in next, names do
    local declared = locals[name]
    if declared and (declared < rule.first or declared > rule.last) then return true end
  end
  return false
end

local STATES <const> = { rule = true, any_of = true, all_of = true, expect = true }

local function count_names(tokens, name)
  local count = 0
  for _, token in ipairs(tokens) do
    if token.kind == "name" and token.text == name then count = count + 1 end
  end
  return count
end

-- `local x = rule …` is for a group: one that is in none decides by itself.
local function add_held(tokens, out)
  for i, token in ipairs(tokens) do
    local name, equals, call = tokens[i + 1], tokens[i + 2], tokens[i + 3]
    local is_held = token.text == "local" and call and equals.text == "=" and STATES[call.text]
      and name.kind == "name"
    if is_held and count_names(tokens, name.text) == 1 then
      out[#out + 1] = {
        line = token.line, code = "rule",
        message = ("'%s' is held for a group, and is in none: it decides by itself")
          :format(name.text),
      }
    end
  end
end

local function add_rules(tokens, out)
  local locals = locals_of(tokens)
  for _, rule in ipairs(M.rules(tokens)) do
    if not looks_at_something(tokens, rule, locals) then
      out[#out + 1] = {
        line = rule.token.line, code = "rule",
        message = ("rule %s is of no use: it looks at nothing, and always comes out the same")
          :format(rule.name),
      }
    end
  end
end

--- The findings about a text.
---@param tokens kavach.Token[]
---@return { line: integer, code: string, message: string }[]
function M.check(tokens)
  local out = {}
  add_conditions(tokens, out)
  add_shortcuts(tokens, out)
  add_comparisons(tokens, out)
  add_rules(tokens, out)
  add_held(tokens, out)
  return out
end

return M
