--- What a script states, as a policy: its expectations are requirements like those of any policy,
--- checked for sense here; its rules stay in the script.

local err = require "kavach.err"
local policies = require "kavach.attest.policy"
local requirements = require "kavach.attest.requirements"

local M = {}

-- What is said of the evidence as a whole, and cannot be one way among others.
local WHOLE <const> = { "genuine", "simulated", "consistent" }

local function place_of(given, statement)
  return ("%s%s:%d"):format(given.folder, statement.file, statement.line)
end

-- Whether two values of requirements say the same.
local function same(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then return a == b end
  for key, value in next, a do
    if not same(value, b[key]) then return false end
  end
  for key in next, b do
    if a[key] == nil then return false end
  end
  return true
end

local function shown(value)
  return type(value) == "table" and "a table" or tostring(value)
end

-- Adds `from` to `into`. Nil, or what is required in two ways.
local function merge(into, from, path)
  for key, value in next, from do
    local name, have = path .. tostring(key), into[key]
    local nested = type(value) == "table" and value[1] == nil
    if have == nil then
      into[key] = value
    elseif nested and type(have) == "table" and have[1] == nil then
      local conflict = merge(have, value, name .. ".")
      if conflict then return conflict end
    elseif not same(have, value) then
      return ("%s is %s in another expect: it cannot be %s, too"):format(name, shown(have),
        shown(value))
    end
  end
end

-- One expectation: its requirements, checked. Defaults are of the policy, not of its parts.
local function read_expect(given, statement)
  local what = place_of(given, statement) .. ": expect"
  local requires, message = requirements.read(statement.requires, what)
  if not requires then return nil, message end
  for _, name in ipairs(WHOLE) do
    if statement.requires[name] == nil then
      requires[name] = nil
    elseif statement.group > 0 then
      return nil, ("%s in a group: '%s' is for the policy as a whole"):format(what, name)
    end
  end
  return requires
end

-- The requirements of all expectations that are in no group; those of the others stay with them.
local function collect(script, given)
  local merged = {}
  for _, statement in ipairs(script.statements) do
    if statement.kind == "expect" then
      local requires, message = read_expect(given, statement)
      if not requires then return nil, message end
      local conflict
      if statement.group > 0 then
        statement.checked = requires
      else
        conflict = merge(merged, statement.requires, "")
      end
      if conflict then
        return nil, ("%s: expect: %s"):format(place_of(given, statement), conflict)
      end
    end
  end
  return merged
end

-- Whether requirements ask for anything: to allow what is forbidden otherwise is not to ask.
local function asks(requires)
  for name, value in next, requires do
    local loose = value == "allowed"
      or value == false and (name == "genuine" or name == "consistent")
    if type(value) == "table" and value[1] == nil then loose = not asks(value) end
    if not loose then return true end
  end
  return false
end

-- Whether it states anything: a policy that does not is no reason to allow anything.
local function states_something(script, merged)
  if asks(merged) then return true end
  for _, statement in ipairs(script.statements) do
    if statement.kind ~= "expect" or statement.group > 0 then return true end
  end
  return false
end

--- The policy of a script that was loaded.
---@param script kavach.Script
---@param described table what kv_vm_describe writes (core/rules/vm.h)
---@param given table of kavach.attest.script.files
---@return kavach.Policy?
---@return kavach.Error?
function M.make(script, described, given)
  local version = described.version ~= "" and described.version or nil
  for what, value in next, { name = described.name, version = version } do
    local good, must = policies["check_" .. what](value)
    if not good then
      local call = what == "name" and "policy" or what
      return err.fail("invalid_argument", ("%s: %s must be %s"):format(given.path, call, must))
    end
  end
  local merged, message = collect(script, given)
  if not merged then return err.fail("invalid_argument", message) end
  script.empty = not states_something(script, merged)
  local policy = policies.new(described.name, merged, version)
  policy.script, policy.digest = script, script.digest
  return policy
end

return M
