--- Decisions as JSON documents: every key is always there, with null where there is nothing to say.
--- Text from the evidence is escaped. See kavach.attest.decision for what the keys mean.

local json = require "kavach.json"
local plain = require "kavach.plain"

local M = {}

--- The version of the document.
M.VERSION = 1

local FIELDS <const> = {
  "allow", "genuine", "simulated", "structural", "policy", "policy_version", "policy_digest",
  "data", "spent", "product", "report_version", "signed_by", "root", "missing", "now",
  "decision_id",
}

local CHECK_TEXTS <const> = { "name", "expected", "found", "reason" }

local function head(decision)
  local out = { version = M.VERSION, outcome = decision:outcome() }
  for _, key in ipairs(FIELDS) do
    out[key] = decision[key]
    if out[key] == nil then out[key] = json.null end
  end
  out.csp_id = decision.csp_id and plain.text(decision.csp_id) or json.null
  out.error = decision.error and {
    kind = decision.error.kind, message = plain.text(decision.error.message),
  } or json.null
  out.evidence = {}
  for key, value in next, decision.evidence do
    out.evidence[key] = type(value) == "string" and plain.text(value) or value
  end
  return out
end

--- The decision as plain values, ready for JSON.
---@param decision kavach.Decision
---@return table
function M.table(decision)
  local out = head(decision)
  out.checks = json.array()
  for i, check in ipairs(decision.checks) do
    local copy = {
      id = check.id, stage = check.stage, status = check.status, decides = check.decides,
      field = check.field,
    }
    for _, key in ipairs(CHECK_TEXTS) do
      local text = check[key]
      copy[key] = text and plain.text(text)
    end
    out.checks[i] = copy
  end
  return out
end

-- ---- text --------------------------------------------------------------------------------------
-- The checks are written here and not by kavach.json: a decision has some ninety of them, and to
-- encode them in general takes longer than to verify the report.


-- Most texts are the same in every decision. The others would fill the memory: it is forgotten at
-- some size.
local REMEMBERED <const> = 1024
local known, known_count = {}, 0

local function quoted(text)
  local found = known[text]
  if found then return found end
  found = plain.text(text)
  if found:find '[^\32-\126]' or found:find '["\\]' then
    found = assert(json.encode(found))
  else
    found = '"' .. found .. '"'
  end
  if known_count == REMEMBERED then known, known_count = {}, 0 end
  known[text], known_count = found, known_count + 1
  return found
end

-- `,"key":"text"`, or nothing.
local function member(key, text)
  return text and (',"' .. key .. '":' .. quoted(text)) or ""
end

-- What a check always says, in three pieces, by its id. Policies in Lua have ids and names of their
-- own: it is forgotten at some size, too.
local constants, constant_count = {}, 0

local function constant_parts(check)
  local parts = constants[check.id]
  if not parts or parts.name ~= check.name or parts.field ~= check.field then
    parts = {
      name = check.name, field = check.field, before_found = member("field", check.field),
      before_reason = member("id", check.id) .. member("name", check.name),
      at_end = member("stage", check.stage),
    }
    if constant_count == REMEMBERED then constants, constant_count = {}, 0 end
    constants[check.id], constant_count = parts, constant_count + 1
  end
  return parts
end

local STATUS <const> = {
  pass = ',"status":"pass"}', fail = ',"status":"fail"}', not_checked = ',"status":"not_checked"}',
}

--- The document, in one line: what kavach.json makes of the table.
---@param decision kavach.Decision
---@return string
function M.encode(decision)
  local out, n = {}, 0
  for i, check in ipairs(decision.checks) do
    local parts = constant_parts(check)
    out[n + 1] = i == 1 and '{"decides":' or ',{"decides":'
    out[n + 2] = tostring(check.decides)
    out[n + 3] = check.expected and member("expected", check.expected) or ""
    out[n + 4] = parts.before_found
    out[n + 5] = check.found and member("found", check.found) or ""
    out[n + 6] = parts.before_reason
    out[n + 7] = check.reason and member("reason", check.reason) or ""
    out[n + 8] = parts.at_end
    out[n + 9] = STATUS[check.status]
    n = n + 9
  end
  -- In the order of keys that kavach.json keeps, "checks" comes second, after "allow".
  local rest = assert(json.encode(head(decision)))
  local allow = ('{"allow":%s'):format(decision.allow)
  return ('%s,"checks":[%s]%s'):format(allow, table.concat(out), rest:sub(#allow + 1))
end

return M
