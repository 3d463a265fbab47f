--- What attestation deals in: reports, evidence, decisions, policies, measurements.

local fields = require "kavach.prompt.summary.fields"
local snp = require "kavach.snp"
local width = require "kavach.width"

local M = {}

local getmetatable <const> = debug.getmetatable
local raw, text, list, number = fields.raw, fields.text, fields.list, fields.number
local PREFIX <const> = 8

-- What asks an object asks a copy of it that has no metatables but its own: its parts may be
-- anybody's. Errors of kavach keep theirs, by which they are known.
local DEPTH_MOST <const>, ENTRIES_MOST <const> = 5, 20000

local function plain_copy(value, left, depth)
  if type(value) ~= "table" then return value end
  if depth > DEPTH_MOST then error("too deep", 0) end
  local copy = {}
  for key, each in next, value do
    left.entries = left.entries - 1
    if left.entries < 0 then error("too large", 0) end
    copy[key] = plain_copy(each, left, depth + 1)
  end
  local class = getmetatable(value)
  return class and rawequal(class, require("kavach.err").class) and setmetatable(copy, class)
    or copy
end

local function copy_of(object, without)
  local copy = {}
  for key, value in next, object do
    if key ~= without then copy[key] = plain_copy(value, { entries = ENTRIES_MOST }, 0) end
  end
  return setmetatable(copy, getmetatable(object))
end

local function prefix(bytes)
  if type(bytes) ~= "string" then return "none" end
  if not bytes:find "[^\0]" then return "zero" end
  return snp.hex(bytes:sub(1, PREFIX)) .. (#bytes > PREFIX and "…" or "")
end

local function mask(bits)
  return math.type(bits) == "integer" and ("0x%x"):format(bits) or text(bits)
end

-- ---- reports -----------------------------------------------------------------------------------

M.report = {}

function M.report.line(report)
  local product, tcb = raw(report, "product"), raw(report, "reported_tcb")
  return ("report: %s"):format(list({
    number("version %s", raw(report, "version")), product and text(product),
    ("policy %s"):format(mask(raw(report, "policy"))),
    ("measurement %s"):format(prefix(raw(report, "measurement"))),
    tcb and ("TCB %s"):format(mask(tcb)),
    raw(report, "chip_id") and ("chip %s"):format(prefix(raw(report, "chip_id"))),
  }, 6))
end

-- Long hex is cut to the terminal's width, other lines are whole. One of JSON has only its line.
function M.report.text(report, options)
  local whole = copy_of(report):to_text()
  if not whole then return nil end
  local lines = {}
  for line in whole:gmatch "[^\n]+" do
    lines[#lines + 1] = line:find "^%S+%s+%x+$" and width.cut(line, options.columns) or line
  end
  return table.concat(lines, "\n")
end

M.guest_policy = {}

function M.guest_policy.line(policy)
  return "guest policy " .. text(tostring(copy_of(policy)), 200)
end

M.measurement = {}

function M.measurement.line(measurement)
  return ("measurement %s, mode %s"):format(prefix(raw(measurement, "digest")),
    text(raw(measurement, "mode")))
end

function M.measurement.text(measurement)
  return ("measurement, mode %s\n  %s"):format(text(raw(measurement, "mode")),
    snp.hex(raw(measurement, "digest")))
end

-- ---- evidence and what is decided of it --------------------------------------------------------

M.evidence = {}

local function count_of(value, what)
  local count = type(value) == "table" and rawlen(value) or 0
  return count > 0 and ("%d %s%s"):format(count, what, count == 1 and "" or "s") or nil
end

function M.evidence.line(evidence)
  local encoding, source = raw(evidence, "encoding"), raw(evidence, "source")
  local maker, nonce = raw(evidence, "made_by"), raw(evidence, "nonce")
  return ("evidence: %s"):format(list({
    (encoding ~= "none" and text(encoding) .. " " or "") .. text(raw(evidence, "kind")),
    source and ("of %s"):format(text(source)),
    count_of(raw(evidence, "certificates"), "certificate"),
    count_of(raw(evidence, "crls"), "revocation list"),
    nonce and ("nonce %s"):format(prefix(nonce)),
    maker and ("made by %s"):format(text(maker)), raw(evidence, "simulated") and "SIMULATED",
  }, 7))
end

M.decision = {}

function M.decision.line(decision)
  return "decision: " .. require("kavach.attest.explain").line(copy_of(decision, "judged"))
end

function M.decision.text(decision, options)
  local explain = require "kavach.attest.explain"
  return explain.text(copy_of(decision, "judged"), { color = options.colour })
end

M.policy = {}

local function requirements(policy)
  local names, requires = {}, raw(policy, "requires")
  for name in next, type(requires) == "table" and requires or {} do
    names[#names + 1] = text(name)
  end
  table.sort(names)
  return #names > 0 and "requires " .. text(table.concat(names, " "), 200) or nil
end

function M.policy.line(policy)
  local version, digest = raw(policy, "version"), raw(policy, "digest")
  return ("policy %s"):format(list({
    text(raw(policy, "name")) .. (version and " " .. text(version) or ""),
    raw(policy, "structural") and "structural: whoever signed it",
    raw(policy, "script") and "rules in Lua",
    digest and ("SHA-256 %s"):format(text(digest, 2 * PREFIX + 1)), requirements(policy),
  }, 5))
end

return M
