--- What values have, for completion: looked at without running any of their code.

local annotations = require "kavach.prompt.annotations"

local M = {}

local DEEP <const> = 20 -- tables behind `__index`, one behind the other
local MOST <const> = 100000 -- keys that are looked at, of all of them

-- What looking a name up in the value goes on with: a table, or nil.
local function behind(value)
  local meta = debug.getmetatable(value)
  local index = type(meta) == "table" and rawget(meta, "__index") or nil
  return type(index) == "table" and index or nil
end

--- What the value has by that name, or nil.
---@param value any
---@param key any
---@return any
function M.get(value, key)
  local at = value
  for _ = 1, DEEP do
    if type(at) == "table" and key ~= nil then
      local found = rawget(at, key)
      if found ~= nil then return found end
    end
    at = behind(at)
    if at == nil then return nil end
  end
end

--- Calls `take` for each name that the value has, with what it has there.
---@param value any
---@param take fun(name: string, value: any)
function M.each(value, take)
  local at, count = value, 0
  for _ = 1, DEEP do
    if type(at) == "table" then
      for key, found in next, at do
        if type(key) == "string" then take(key, found) end
        count = count + 1
        if count == MOST then return end
      end
    end
    at = behind(at)
    if at == nil then return end
  end
end

-- The parts of kavach that are loaded are recognised as what they are.
local function part_of(value)
  local kavach = package.loaded.kavach
  if type(kavach) ~= "table" then return nil end
  if rawequal(value, kavach) then return "kavach" end
  local class = annotations.classes().kavach
  for _, field in ipairs(class and class.fields or {}) do
    if annotations.classes()[field.type] and rawequal(rawget(kavach, field.name), value) then
      return field.type
    end
  end
end

--- The class of annotations that a value is of, if one is known.
---@param value any
---@return string?
function M.class(value)
  local of = type(value)
  if of ~= "table" and of ~= "userdata" then return nil end
  local meta = debug.getmetatable(value)
  local name = type(meta) == "table" and rawget(meta, "__name") or nil
  if annotations.classes()[name] then return name end
  return of == "table" and part_of(value) or nil
end

--- What annotations say of a function, if it is one of kavach's module.
---@param value any
---@return kavach.prompt.callable?
function M.callable(value)
  local kavach = package.loaded.kavach
  if type(value) ~= "function" or type(kavach) ~= "table" then return nil end
  local class = annotations.classes().kavach
  for _, each in ipairs(class and class.functions or {}) do
    if rawequal(rawget(kavach, each.name), value) then return each end
  end
end

return M
