--- Help on kavach's API, from the annotations: by name ("kavach.sandbox", "kavach.Sandbox:exec").

local annotations = require "kavach.prompt.annotations"
local check = require "kavach.check"
local layout = require "kavach.prompt.help.layout"
local options_of = require "kavach.prompt.help.options"
local types = require "kavach.prompt.annotations.types"

local M = {}

local LONGEST <const> = 200 -- bytes of a name that there may be help on

---@class kavach.prompt.help
---@field name string what it is about, in full
---@field signature string
---@field summary string
---@field options { name: string, type: string, default: string?, text: string,
--- required: boolean }[] of its table of options, or the fields of a class
---@field members { name: string, signature: string, summary: string }[] what a module or class has
---@field example? string Lua
---@field see string[] what else there is help on

-- ---- finding it --------------------------------------------------------------------------------

local function field_as_named(class, name)
  local found = annotations.member(class, name)
  local part = found and found.type and annotations.classes()[found.type]
  return part, found
end

-- A member "owner.name" or "owner:name": its class, if it is a part of its own, and what it is.
local function member(subject)
  local owner, name = subject:match "^(.*)[.:]([^.:]+)$"
  if not owner then return nil end
  local part, found = field_as_named(owner, name)
  if found then return part, found end
  local inner = owner:find "[.:]" and member(owner)
  if inner then return field_as_named(inner.name, name) end
end

-- The class or member of that name.
local function find(subject)
  local part, found = member(subject)
  if part then return part end
  return found or annotations.classes()[subject], not found
end

local names

-- What there is help on: functions and parts before classes, without "kavach."; and all names by
-- their small letters.
local function all_names()
  if names then return names end
  names = { functions = {}, classes = {}, lowered = {} }
  local function add(list, name)
    table.insert(list, (name:gsub("^kavach%.", "")))
    names.lowered[name:lower()] = names.lowered[name:lower()] or name
  end
  for _, class in next, annotations.classes() do
    for _, each in ipairs(class.functions) do
      add(names.functions, class.name .. (each.method and ":" or ".") .. each.name)
    end
  end
  for name in next, annotations.classes() do
    add(name:find "%.%u" and names.classes or names.functions, name)
  end
  return names
end

local function nearest(subject)
  local short = subject:gsub("^kavach%.", "")
  local found = check.nearest(short, all_names().functions)
    or check.nearest(short, all_names().classes)
  return found and (found == "kavach" and found or "kavach." .. found)
end

-- ---- what it says ------------------------------------------------------------------------------

local function signature_of(name, callable)
  local params, returns = {}, {}
  for i, param in ipairs(callable.params) do
    params[i] = param.name .. (param.optional and "?" or "")
  end
  for i, result in ipairs(callable.returns) do
    returns[i] = result.type .. (result.type == "any" and result.text:find "^%.%.%." and "…" or "")
  end
  return ("%s(%s)"):format(name, table.concat(params, ", "))
    .. (#returns > 0 and " -> " .. table.concat(returns, ", ") or "")
end

-- Whether a field of a class is no part with functions of its own: those are among the members.
local function is_plain(field)
  local part = annotations.classes()[field.type]
  return not part or #part.functions == 0
end

local function members_of(class)
  local list = {}
  for _, each in ipairs(class.fields) do
    if not is_plain(each) then
      list[#list + 1] = { name = each.name, signature = each.name, summary = each.text }
    end
  end
  for _, each in ipairs(class.functions) do
    list[#list + 1] = {
      name = each.name, signature = signature_of(each.name, each), summary = each.summary,
    }
  end
  return list
end

-- What else there is help on: what is named, and what a call gives.
local function see_also(callable, given)
  local list, seen = {}, {}
  local function add(name)
    if not seen[name] and annotations.classes()[name] then list[#list + 1] = name end
    seen[name] = true
  end
  for _, name in ipairs(given) do add(name) end
  local result = callable and callable.returns[1]
  for _, each in ipairs(types.alternatives(result and result.type or "")) do
    add(each.name or "")
  end
  return list
end

local function of_callable(name, callable, documented)
  return {
    name = name, signature = signature_of(name, callable), summary = documented.summary,
    options = options_of.callable(callable), members = {}, example = documented.example,
    see = see_also(callable, documented.see),
  }
end

local function of_class(name, class)
  local help = class.call and of_callable(name, class.call, class) or {
    name = name, signature = name .. (class.base and ": " .. class.base or ""),
    summary = class.summary, example = class.example, see = see_also(nil, class.see),
    options = options_of.fields(annotations.fields(class.name), is_plain),
  }
  help.members = members_of(class)
  return help
end

local function of_field(name, field)
  return {
    name = name, signature = ("%s: %s"):format(name, field.type), summary = field.text,
    options = options_of.of_type(field.type), members = {}, see = see_also(nil, { field.type }),
  }
end

--- What there is to say of a name; nil if there is nothing, and the nearest name that there is.
---@param subject string "kavach.sandbox", "sandbox", "kavach.Sandbox:exec" …
---@return kavach.prompt.help?
---@return string? nearest
function M.of(subject)
  if #subject > LONGEST then return nil end
  for _, name in ipairs { subject, "kavach." .. subject, all_names().lowered[subject:lower()],
    all_names().lowered["kavach." .. subject:lower()] } do
    local found, is_class = find(name)
    if found then
      if is_class or found.functions then return of_class(name, found) end
      if found.params then return of_callable(name, found, found) end
      return of_field(name, found)
    end
  end
  return nil, nearest(subject)
end

--- The same as plain text, for a person.
---@param subject string
---@param columns integer of the terminal
---@return string? text
---@return string? nearest
function M.text(subject, columns)
  local help, near = M.of(subject)
  if not help then return nil, near end
  return layout(help, columns)
end

return M
