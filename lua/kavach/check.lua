--- Checking of option tables: what a key may be is said once, in a table, and misuse is an error
--- that names the key, and the nearest known one if there is none of that name.
---
---   local OPTIONS = {
---     memory_limit_mb = { type = "integer", min = 1, default = 512 },
---     cpu_limit = { type = "number", above = 0, max = 64 },       -- finite
---     network = { fields = { enabled = { type = "boolean", default = false } }, default = {} },
---     mounts = { list = { fields = MOUNT } },
---     env = { map = "string" },                                   -- string keys
---     command = { type = { "string", "table" }, required = true },
---     stdout = { enum = { "pipe", "null" } },
---     name = "string",                                            -- short for { type = "string" }
---   }
---
--- `fn(value)`, run last, returns the value to keep, or nil and what the value must be.

local M = {}

local checkers = {}
local MAX_NEAREST_LENGTH <const> = 64

local function shown(value)
  if type(value) == "string" then
    return #value <= 40 and ("'%s'"):format(value) or ("'%s…'"):format(value:sub(1, 40))
  elseif type(value) == "number" or type(value) == "boolean" or value == nil then
    return tostring(value)
  end
  return "a " .. type(value)
end

-- ---- the nearest word ------------------------------------------------------------------------

--- Edits between two words: insert, delete, replace, or swap two neighbours.
local function distance(a, b)
  local before, last = nil, {}
  for j = 0, #b do last[j] = j end
  for i = 1, #a do
    local row = { [0] = i }
    for j = 1, #b do
      local same = a:byte(i) == b:byte(j)
      row[j] = math.min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (same and 0 or 1))
      if before and j > 1 and a:byte(i) == b:byte(j - 1) and a:byte(i - 1) == b:byte(j) then
        row[j] = math.min(row[j], before[j - 2] + 1)
      end
    end
    before, last = last, row
  end
  return last[#b]
end

--- The word of the list that `word` is most likely to mean, or nil if none is near: at most one
--- edit in three letters, or else the only one that it begins.
---@param word string
---@param list string[]
---@return string?
function M.nearest(word, list)
  if type(word) ~= "string" or #word == 0 or #word > MAX_NEAREST_LENGTH then return nil end
  local lowered = word:lower()
  local best, best_distance, begun
  local sorted = table.move(list, 1, #list, 1, {})
  table.sort(sorted)
  for _, candidate in ipairs(sorted) do
    local d = distance(lowered, candidate:lower())
    if d <= math.max(1, math.max(#word, #candidate) // 3) and d < #candidate
      and (not best or d < best_distance) then
      best, best_distance = candidate, d
    end
    if #word >= 2 and candidate:lower():sub(1, #word) == lowered then
      begun = begun == nil and candidate or false
    end
  end
  return best or begun or nil
end

local function keys_of(spec)
  local keys = {}
  for key in next, spec do keys[#keys + 1] = key end
  return keys
end

local function unknown(what, key, spec)
  if type(key) ~= "string" then
    return ("%s: unknown option [%s]"):format(what, shown(key))
  end
  local nearest = M.nearest(key, keys_of(spec))
  return ("%s: unknown option %s%s"):format(what, shown(key),
    nearest and (" (did you mean '%s'?)"):format(nearest) or "")
end

-- ---- one value -------------------------------------------------------------------------------

local function article(name)
  return (name:find "^[aeiou]" and "an " or "a ") .. name
end

local function type_names(types)
  local names = {}
  for i, name in ipairs(types) do names[i] = article(name) end
  return table.concat(names, " or ")
end

local function has_type(value, name)
  if name == "any" then return value ~= nil end
  if name == "integer" then return math.tointeger(value) ~= nil and type(value) == "number" end
  if name == "number" then
    return type(value) == "number" and value == value and math.abs(value) ~= math.huge
  end
  return type(value) == name
end

local function range_text(rule)
  local parts = {}
  if rule.min then parts[#parts + 1] = ("at least %s"):format(rule.min) end
  if rule.above then parts[#parts + 1] = ("above %s"):format(rule.above) end
  if rule.max then parts[#parts + 1] = ("at most %s"):format(rule.max) end
  return table.concat(parts, " and ")
end

local function in_range(value, rule)
  return not (rule.min and value < rule.min or rule.above and value <= rule.above
    or rule.max and value > rule.max)
end

local function expected(rule, types)
  local text = type_names(types)
  local range = range_text(rule)
  return range ~= "" and ("%s, %s"):format(text, range) or text
end

--- The type and range of a value. Returns it (an integral float as the integer that was asked for),
--- or nil and what it must be.
function checkers.type(rule, value)
  local types = type(rule.type) == "table" and rule.type or { rule.type }
  for _, name in ipairs(types) do
    if has_type(value, name) then
      if type(value) == "number" then
        if not in_range(value, rule) then break end
        if name == "integer" then return math.tointeger(value) end
      end
      return value
    end
  end
  return nil, expected(rule, types)
end

function checkers.enum(rule, value)
  for _, allowed in ipairs(rule.enum) do
    if value == allowed then return value end
  end
  local names = {}
  for i, allowed in ipairs(rule.enum) do names[i] = shown(allowed) end
  local nearest = M.nearest(value, rule.enum)
  return nil, ("one of %s"):format(table.concat(names, ", "))
    .. (nearest and (" (did you mean '%s'?)"):format(nearest) or "")
end

-- ---- whole values ----------------------------------------------------------------------------

local check_fields

local function check_list(item, value, what)
  if type(value) ~= "table" then
    return nil, ("%s must be a list, got %s"):format(what, shown(value))
  end
  local out, count = {}, 0
  for _ in next, value do count = count + 1 end
  for i = 1, count do
    local element = rawget(value, i)
    if element == nil then
      return nil, ("%s must be a list without holes or other keys"):format(what)
    end
    local message
    out[i], message = M.value(item, element, ("%s[%d]"):format(what, i))
    if message then return nil, message end
  end
  return out
end

local function check_map(item, value, what)
  if type(value) ~= "table" then
    return nil, ("%s must be a table, got %s"):format(what, shown(value))
  end
  local out = {}
  for key, element in next, value do
    if type(key) ~= "string" then
      return nil, ("%s must have names as keys, got [%s]"):format(what, shown(key))
    end
    local message
    out[key], message = M.value(item, element, ("%s.%s"):format(what, key))
    if message then return nil, message end
  end
  return out
end

--- Checks one value against one rule. Returns what to keep, or nil and a message; never raises for
--- what the value is.
---@param rule table|string
---@param value any
---@param what string how the message calls the value
---@return any value
---@return string? message
function M.value(rule, value, what)
  if type(rule) == "string" then rule = { type = rule } end
  local message
  if rule.fields then
    value, message = check_fields(rule.fields, value, what)
  elseif rule.list then
    value, message = check_list(rule.list, value, what)
  elseif rule.map then
    value, message = check_map(rule.map, value, what)
  else
    for _, name in ipairs { "type", "enum" } do
      if rule[name] then
        local kept, must = checkers[name](rule, value)
        if must then return nil, ("%s must be %s, got %s"):format(what, must, shown(value)) end
        value = kept
      end
    end
  end
  if message then return nil, message end
  if rule.fn then
    local kept, must = rule.fn(value)
    if kept == nil then return nil, ("%s must be %s"):format(what, must or "something else") end
    value = kept
  end
  return value
end

local function copy(value)
  if type(value) ~= "table" then return value end
  local out = {}
  for k, v in next, value do out[k] = copy(v) end
  return out
end

local function sorted_keys(t)
  local keys = keys_of(t)
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  return keys
end

--- How messages call a key: "sandbox: network", then "sandbox: network.enabled".
local function name_of(what, key)
  return what .. (what:find(": ", 1, true) and "." or ": ") .. key
end

function check_fields(spec, value, what)
  if type(value) ~= "table" then
    return nil, ("%s must be a table, got %s"):format(what, shown(value))
  end
  for _, key in ipairs(sorted_keys(value)) do
    if spec[key] == nil then return nil, unknown(what, key, spec) end
  end
  local out = {}
  for _, key in ipairs(sorted_keys(spec)) do
    local rule, given = spec[key], rawget(value, key)
    if type(rule) == "string" then rule = { type = rule } end
    if given == nil then given = copy(rule.default) end
    if given ~= nil then
      local message
      out[key], message = M.value(rule, given, name_of(what, key))
      if message then return nil, message end
    elseif rule.required then
      return nil, name_of(what, key) .. " is required"
    end
  end
  return out
end

--- Checks an option table. Returns a new one, with the defaults in it; nil counts as empty.
--- Misuse raises at the caller of the function that calls this one, or `level` further up, counted
--- as `error` counts. (So do not call it in a `return`: a tail call has no level.)
---@param spec table
---@param value table?
---@param what string how messages call it: "sandbox"
---@param level integer? 2
---@return table
function M.table(spec, value, what, level)
  local out, message = M.test(spec, value, what)
  if message then error(message, (level or 2) + 1) end
  return out
end

--- The same for what comes from files and command lines: returns nil and the message.
---@return table?
---@return string? message
function M.test(spec, value, what)
  if value == nil then value = {} end
  return check_fields(spec, value, what)
end

return M
