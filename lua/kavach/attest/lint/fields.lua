--- Findings about fields of evidence that there are none of: `e.report.measurment`.

local check = require "kavach.check"
local conditions = require "kavach.attest.lint.conditions"
local snp = require "kavach.snp"

local M = {}

local PARTS <const> = { "boot_loader", "tee", "snp", "microcode", "fmc" }

local function set(names)
  local out = {}
  for _, name in ipairs(names) do out[name] = true end
  return out
end

local function report()
  local out = {}
  for _, field in ipairs(snp.report_fields()) do out[field.name] = true end
  out.signature_r, out.signature_s = nil, nil
  return out
end

local function guest_policy()
  local out = set { "abi_major", "abi_minor" }
  for _, bit in ipairs(snp.guest_policy_bits()) do out[bit.field] = true end
  return out
end

local function platform()
  local out = set { "unknown_bits" }
  for name in next, (snp.platform_info(0)) do out[name] = true end
  return out
end

-- What kavach.attest.script.view makes; true: a value without fields, or with any.
local function evidence()
  local parts = set(PARTS)
  local out = set { "product", "genuine", "simulated", "signed_by", "csp_id", "root", "missing",
    "nonce", "now", "certificates", "runtime_data" }
  out.report, out.guest_policy, out.platform = report(), guest_policy(), platform()
  out.tcb = { current = parts, reported = parts, committed = parts, launch = parts }
  return out
end

local function nearest(name, fields)
  local names = {}
  for known in next, fields do names[#names + 1] = known end
  local found = check.nearest(name, names)
  return found and (" (did you mean '%s'?)"):format(found) or ""
end

-- Follows "e.report.vmpl" from the token behind `e`.
local function follow(tokens, at, fields, path, out)
  while type(fields) == "table" do
    local name = tokens[at + 1]
    if not (tokens[at] and tokens[at].text == "." and name and name.kind == "name") then return end
    if fields[name.text] == nil then
      out[#out + 1] = {
        line = name.line, code = "field",
        message = ("%s has no field '%s'%s"):format(path, name.text, nearest(name.text, fields)),
      }
      return
    end
    fields, path, at = fields[name.text], path .. "." .. name.text, at + 2
  end
end

--- The findings about a text's rules.
---@param tokens kavach.Token[]
---@return { line: integer, code: string, message: string }[]
function M.check(tokens)
  local out, known = {}, evidence()
  for _, rule in ipairs(conditions.rules(tokens)) do
    for i = rule.first + 1, rule.parameter and rule.last or 0 do
      local before = tokens[i - 1].text
      if tokens[i].kind == "name" and tokens[i].text == rule.parameter
        and before ~= "." and before ~= ":" then
        follow(tokens, i + 1, known, rule.parameter, out)
      end
    end
  end
  return out
end

return M
