--- Tables of kavach that are no objects, known by what they hold: the result of a command, and what
--- the doctor has found.

local fields = require "kavach.prompt.summary.fields"
local scalars = require "kavach.prompt.show.scalars"

local M = {}

local getmetatable <const> = debug.getmetatable
local raw, text = fields.raw, fields.text

-- ---- results -----------------------------------------------------------------------------------

local SHOWN_APART <const> = { exit_code = true, stdout = true, stderr = true, version = true }
local FIELDS_MOST <const> = 100

-- The fields beside the outputs, in order; what is false is nothing to tell.
local function details(result)
  local names, seen = {}, 0
  for name, value in next, result do
    seen = seen + 1
    if seen > FIELDS_MOST then error("too large", 0) end
    if type(name) == "string" and value and not SHOWN_APART[name] then names[#names + 1] = name end
  end
  table.sort(names)
  local out = {}
  for i, name in ipairs(names) do
    local value = rawget(result, name)
    local shown = type(value) == "table" and "{…}" or scalars.text(value, 40)
    out[i] = value == true and scalars.key(name) or ("%s %s"):format(scalars.key(name), shown)
  end
  return table.concat(out, ", ")
end

local function result_of(value, options)
  local code = raw(value, "exit_code")
  local blocks = {}
  for _, name in ipairs { "stdout", "stderr" } do
    local output = raw(value, name)
    if output ~= nil and type(output) ~= "string" then return nil end
    if output and output ~= "" then blocks[#blocks + 1] = { name = name, text = output } end
  end
  if math.type(code) ~= "integer" or not (raw(value, "stdout") or raw(value, "stderr")) then
    return nil
  end
  local head = options.paint(("exit code %d"):format(code), code == 0 and "good" or "bad")
  local rest = details(value)
  return { text = rest == "" and head or head .. "  " .. rest, blocks = blocks }
end

-- ---- the doctor --------------------------------------------------------------------------------

local CHECKS_MOST <const> = 100
local STATES <const> = { ok = true, warning = true, missing = true }

local function check_of(value)
  local check = { required = raw(value, "required") == true }
  for _, name in ipairs { "name", "state", "found", "command", "advice" } do
    local field = raw(value, name)
    if field ~= nil then
      if type(field) ~= "string" then return nil end
      check[name] = text(field, 400)
    end
  end
  return check.name and check.found and STATES[check.state] and check or nil
end

local function doctor_of(value)
  local checks = raw(value, "checks")
  if type(rawget(value, "ok")) ~= "boolean" or type(checks) ~= "table" or getmetatable(value) then
    return nil
  end
  local count = rawlen(checks)
  if count == 0 or count > CHECKS_MOST then return nil end
  local report = { ok = raw(value, "ok"), backend = text(raw(value, "backend")), checks = {} }
  for i = 1, count do
    report.checks[i] = check_of(rawget(checks, i))
    if not report.checks[i] then return nil end
  end
  return { text = require("kavach.doctor.show").text(report) }
end

--- What is said of a table that has one of these forms.
---@param value table
---@param options { paint: fun(text: string, name: string?): string }
---@return kavach.prompt.Summary?
function M.of(value, options)
  if rawget(value, "exit_code") ~= nil then return result_of(value, options) end
  if rawget(value, "checks") ~= nil then return doctor_of(value) end
end

return M
