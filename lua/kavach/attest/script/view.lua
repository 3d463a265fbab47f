--- Evidence as rules see it: `e`.
---
---   e.report        the report's fields by the specification's names, in lower case: numbers as
---                   integers, bytes as lower-case hex; nil where its version has no such field
---   e.guest_policy  bits of the guest policy by name (kavach.guest_policy); abi_major, abi_minor
---   e.platform      the bits of PLATFORM_INFO by name; unknown_bits: those without one
---   e.tcb           current, reported, committed, launch: each { boot_loader, tee, snp, microcode,
---                   fmc }, nil where the product has no such part; nil if the product is not known
---   e.product       "Milan", "Genoa", "Turin" or nil
---   e.genuine       whether every check of authenticity passed
---   e.simulated     whether a platform emulator made it
---   e.signed_by     "vcek", "vlek" or nil; e.csp_id: the cloud provider of a VLEK, or nil
---   e.root          "amd", "given" or nil: what vouches for the chain
---   e.missing       "vek", "ask", "ark" or nil: the first certificate that the evidence lacks
---   e.nonce         the nonce that was asked for, in hex, or nil
---   e.now           seconds since 1970: the time that it is judged at
---   e.certificates  those that came along: each { role, subject, issuer, serial, not_before,
---                   not_after, product, hwid, csp_id, problem }
---   e.runtime_data  on Azure, what report_data is a hash of; or nil

local json = require "kavach.json"
local rules = require "kavach.rules"
local snp = require "kavach.snp"

local M = {}

local NULL <const> = json.null
local TCBS <const> = { "current", "reported", "committed", "launch" }
local PARTS <const> = { "boot_loader", "tee", "snp", "microcode", "fmc" }
local POLICY_BITS <const> = snp.guest_policy_bits()
-- signature_r and signature_s are not parsed as fields of their own
local UNPARSED <const> = { signature_r = true, signature_s = true }

local NAMES <const>, HEXED <const> = {}, { nonce = true, serial = true, hwid = true }
for _, field in ipairs(snp.report_fields()) do
  if not UNPARSED[field.name] then
    NAMES[#NAMES + 1] = field.name
    if not field.number then HEXED[field.name] = true end
  end
end

local function or_null(value)
  if value == nil then return NULL end
  return value
end

local function report_of(fields)
  local out = {}
  for i = 1, #NAMES do
    local value = fields[NAMES[i]]
    if value == nil then value = NULL end
    out[NAMES[i]] = value
  end
  return out
end

local function guest_policy_of(bits)
  local out = { abi_major = bits >> 8 & 0xff, abi_minor = bits & 0xff }
  for _, bit in ipairs(POLICY_BITS) do out[bit.field] = bits & bit.mask ~= 0 end
  return out
end

local function platform_of(bits)
  local out, unknown = snp.platform_info(bits)
  out.unknown_bits = unknown
  return out
end

local function tcbs_of(tcbs)
  if not tcbs then return NULL end
  local out = {}
  for _, which in ipairs(TCBS) do
    local parts = {}
    for _, part in ipairs(PARTS) do parts[part] = or_null(tcbs[which][part]) end
    out[which] = parts
  end
  return out
end

-- ---- certificates ------------------------------------------------------------------------------

-- Those of the authorities are the same in most evidence. It is forgotten at some size.
local REMEMBERED <const> = 64
local known, known_count = {}, 0

local function certificate_of(certificate)
  local found = known[certificate.der]
  if found and found.role == certificate.role then return found end
  local parsed, message = snp.certificate_parse(certificate.der)
  parsed = parsed or { problem = message }
  found = {
    role = or_null(certificate.role), subject = or_null(parsed.subject_cn),
    issuer = or_null(parsed.issuer_cn), serial = or_null(parsed.serial),
    not_before = or_null(parsed.not_before), not_after = or_null(parsed.not_after),
    product = or_null(parsed.product), hwid = or_null(parsed.hwid),
    csp_id = or_null(parsed.csp_id), problem = or_null(parsed.problem),
  }
  if known_count == REMEMBERED then known, known_count = {}, 0 end
  known[certificate.der], known_count = found, known_count + 1
  return found
end

local function certificates_of(list)
  local out = json.array()
  for i, certificate in ipairs(list) do out[i] = certificate_of(certificate) end
  return out
end

-- ---- all ---------------------------------------------------------------------------------------

--- The view of a case of kavach.attest.decision, whose report could be read.
---@param case table
---@return table
function M.of(case)
  local report = case.report
  return {
    report = report_of(report), guest_policy = guest_policy_of(report.policy),
    platform = platform_of(report.platform_info), tcb = tcbs_of(case.tcbs),
    product = or_null(case.product), genuine = case.genuine == true,
    simulated = case.simulated == true, signed_by = or_null(case.signed_by),
    csp_id = or_null(case.csp_id), root = or_null(case.root), missing = or_null(case.missing),
    nonce = or_null(case.nonce), now = case.now,
    certificates = certificates_of(case.evidence.certificates),
    runtime_data = or_null(case.evidence.runtime_data),
  }
end

--- The request that has them evaluated.
---@param views table[]
---@param first integer?
---@param last integer?
---@return string
function M.encode(views, first, last)
  local items = first and table.move(views, first, last, 1, {}) or views
  return rules.encode({ op = "evaluate", items = items }, HEXED)
end

return M
