--- The options of a job's sandbox, checked while the batch is read rather than when the job starts.
--- Whether they go together, and whether the backend can do it, the sandbox itself says.

local check = require "kavach.check"
local err = require "kavach.err"

local M = {}

-- So many values of one option are remembered as right: a check may read files (the machine's
-- memory), and the jobs of a batch have few different ones.
local KEPT_MOST <const> = 1000

local fields
local seen, seen_count = {}, 0

-- The rules of the sandbox, without what is filled in or must be there.
local function rules()
  if fields then return fields end
  fields = {}
  for name, rule in next, require("kavach.sandbox.config").options() do
    rule = type(rule) == "string" and { type = rule } or rule
    local bare = {}
    for key, value in next, rule do bare[key] = value end
    bare.default, bare.required = nil, nil
    fields[name] = bare
  end
  fields.name = { fn = function() return nil, "left out: the sandboxes of a batch are many" end }
  return fields
end

local function remember(name, value)
  seen_count = seen_count + 1
  if seen_count > KEPT_MOST then seen, seen_count = {}, 1 end
  seen[name] = seen[name] or {}
  seen[name][value] = true
end

local function check_option(name, value, options, what)
  local known = seen[name]
  if known and known[value] then return true end
  local _, message = check.test(rules(), { [name] = value }, what .. ": sandbox")
  if not message and name == "policy" then
    local expanded, why = require("kavach.sandbox.config.limits").expand(options)
    message = not expanded and ("%s: %s"):format(what, tostring(why))
  end
  if message then return nil, message end
  if type(value) ~= "table" and value == value then remember(name, value) end
  return true
end

---Whether each of the options can be right.
---@param options table
---@param what string whose they are, for messages: "job 'x'"
---@return true?
---@return string? message
function M.check(options, what)
  for name, value in next, options do
    local fine, message = check_option(name, value, options, what)
    if not fine then return nil, message end
  end
  return true
end

---Whether they can be right together.
---@param options table
---@return true?
---@return string? message
function M.check_all(options)
  local fine, message = M.check(options, "batch")
  if not fine then return nil, message end
  local checked, why = require("kavach.sandbox.config").check(options)
  if checked then return true end
  return nil, err.is(why) and ("batch: " .. why.message) or tostring(why)
end

return M
