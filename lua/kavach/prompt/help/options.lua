--- The options of a function or a class, with their defaults, which annotations have in the text:
--- "of a command; default 30000, 0: none".

local annotations = require "kavach.prompt.annotations"
local types = require "kavach.prompt.annotations.types"

local M = {}

-- The value that a text begins with, what ends it, and what follows.
local function value_of(text)
  local quoted, mark, rest = text:match '^("[^"]*")([;,:.]?)%s*(.*)$'
  if quoted then return quoted, mark, rest end
  local at = math.min(text:find "[;,:]" or #text + 1, text:find "%.%s" or #text + 1)
  return text:sub(1, at - 1):gsub("%.$", ""), text:sub(at, at), text:sub(at + 1):match "^%s*(.*)$"
end

-- The default that a text tells, and the text without it. Where it says what such a value means, it
-- goes on saying so.
local function default_of(text)
  local from, to = text:find "^default:?%s+"
  if not from then from, to = text:find "[;.]%s+default:?%s+" end
  if not from then return nil, text end
  local before, value, mark, after = text:sub(1, from - 1), value_of(text:sub(to + 1))
  if mark == ":" and before ~= "" then after = value .. ": " .. after end
  if before == "" or after == "" then return value, before .. after end
  return value, before .. (mark == "." and ". " or "; ") .. after
end

local function option(field)
  local default, text = default_of(field.text)
  return {
    name = field.name, type = field.type, default = default, text = text,
    required = not field.optional,
  }
end

--- Fields of a class as options; those for which `is_one` is true.
---@param fields kavach.prompt.field[]
---@param is_one? fun(field: kavach.prompt.field): boolean
---@return table[]
function M.fields(fields, is_one)
  local list = {}
  for _, field in ipairs(fields) do
    if not is_one or is_one(field) then list[#list + 1] = option(field) end
  end
  return list
end

--- The options of a table of that type.
---@param of string
---@return table[]
function M.of_type(of)
  for _, each in ipairs(types.alternatives(of)) do
    if each.fields then
      local list = {}
      for i, field in ipairs(each.fields) do
        local is = field.type:gsub("%?$", "")
        list[i] = { name = field.name, type = is, text = "", required = not field.optional }
      end
      return list
    end
    if annotations.classes()[each.name] then return M.fields(annotations.fields(each.name)) end
  end
  return {}
end

--- The options that a function takes: of its last parameter that is a table of them.
---@param callable kavach.prompt.callable
---@return table[]
function M.callable(callable)
  for i = #callable.params, 1, -1 do
    local param = callable.params[i]
    local list = M.of_type(param.type)
    local is_value = param.type:find "^kavach" and #annotations.classes()[
      param.type:match "^[%w_.]+"].functions > 0
    if #list > 0 and not is_value then return list end
  end
  return {}
end

return M
