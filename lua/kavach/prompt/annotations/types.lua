--- Types as annotations have them: `"tcg"|"kvm"`, `kavach.Error?`, `{ a: string, b: integer? }[]`,
--- `fun(ms: integer): boolean`.

local M = {}

---@class kavach.prompt.type one of the things that a value may be
---@field literal? string a string, and this one
---@field name? string of a class, or "string", "integer" …
---@field fields? { name: string, type: string, optional: boolean }[] a table of these
---@field item? string the type of what a list has

-- Behind the bracket at `at` and what is in it.
local function balanced(text, at)
  local opens = text:sub(at, at)
  local closes = opens == "{" and "}" or opens == "(" and ")" or ">"
  local _, last = text:find("^%b" .. opens .. closes, at)
  return (last or #text) + 1
end

local behind_type

-- Behind the results of a function's type, if it has some.
local function behind_results(text, at)
  local next_at = text:match("^%s*:%s*()", at)
  while next_at do
    at = behind_type(text, next_at)
    next_at = text:match("^,%s*()", at)
  end
  return at
end

local function behind_one(text, at)
  local c = text:sub(at, at)
  if c == '"' then
    at = text:match('^"[^"]*"()', at) or #text + 1
  elseif c == "{" or c == "(" then
    at = balanced(text, at)
  elseif text:find("^fun%(", at) then
    return behind_results(text, balanced(text, at + 3))
  else
    at = text:match("^[%w_.]+()", at) or at + 1
    if text:sub(at, at) == "<" then at = balanced(text, at) end
  end
  while true do
    local after = text:match("^%[%]()", at) or text:match("^%?()", at)
    if not after then return at end
    at = after
  end
end

function behind_type(text, at)
  while true do
    at = behind_one(text, at)
    local next_at = text:match("^|()", at)
    if not next_at or next_at > #text then return at end
    at = next_at
  end
end

--- The type that a text begins with, and what stands behind it.
---@param text string
---@return string type
---@return string rest
function M.split(text)
  local simple, rest = text:match "^([%w_.]+%??)%s+(.*)$"
  if simple and simple:sub(1, 3) ~= "fun" then return simple, rest end
  local at = behind_type(text, 1)
  return text:sub(1, at - 1), text:match("^%s*(.*)$", at)
end

--- The names and types of `{ a: T, b: T? }` or `(a: T, b?: T)`.
---@param text string without the brackets
---@return { name: string, type: string, optional: boolean }[]
function M.fields(text)
  local list, at = {}, 1
  while true do
    local name, mark, from = text:match("^%s*([%w_.]+)(%??):?%s*()", at)
    if not name then return list end
    local to = behind_type(text, from)
    local of = text:sub(from, to - 1)
    list[#list + 1] = { name = name, type = of, optional = mark == "?" or of:sub(-1) == "?" }
    at = text:match("^%s*,()", to)
    if not at then return list end
  end
end

local function add(text, list)
  text = text:gsub("%?$", "")
  local inner = text:match "^%((.*)%)$"
  if text:sub(1, 1) == '"' then
    list[#list + 1] = { literal = text:sub(2, -2) }
  elseif text:sub(-2) == "[]" then
    list[#list + 1] = { item = text:sub(1, -3) }
  elseif inner then
    for _, each in ipairs(M.alternatives(inner)) do list[#list + 1] = each end
  elseif text:sub(1, 1) == "{" then
    list[#list + 1] = { fields = M.fields(text:sub(2, -2)) }
  else
    list[#list + 1] = { name = text }
  end
end

--- What a value of the type may be.
---@param text string
---@return kavach.prompt.type[]
function M.alternatives(text)
  local list, at = {}, 1
  while at and at <= #text do
    local to = behind_one(text, at)
    add(text:sub(at, to - 1), list)
    at = text:match("^|()", to)
  end
  return list
end

return M
