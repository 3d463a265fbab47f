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

local rules = require "kavach.rules"
local snp = require "kavach.snp"

local M = {}

local POLICY_BITS <const> = snp.guest_policy_bits()

-- ---- what there is -----------------------------------------------------------------------------

-- A plan of kavach.rules, of how the value of each name is written.
local function plan(fields)
  local names, out = {}, {}
  for name in next, fields do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    out[#out + 1] = name
    out[#out + 1] = fields[name]
  end
  return rules.plan(out)
end

local function values(names)
  local fields = {}
  for _, name in ipairs(names) do fields[name] = "value" end
  return plan(fields)
end

local function report_plan()
  local fields = {}
  for _, field in ipairs(snp.report_fields()) do
    fields[field.name] = field.number and "value" or "bytes"
  end
  fields.signature_r, fields.signature_s = nil, nil -- whether they are good is judged elsewhere
  return plan(fields)
end

local function guest_policy_plan()
  local names = { "abi_major", "abi_minor" }
  for _, bit in ipairs(POLICY_BITS) do names[#names + 1] = bit.field end
  return values(names)
end

local function platform_plan()
  local names = { "unknown_bits" }
  for name in next, (snp.platform_info(0)) do names[#names + 1] = name end
  return values(names)
end

local function tcb_plan()
  local parts = values { "boot_loader", "tee", "snp", "microcode", "fmc" }
  return plan { current = parts, reported = parts, committed = parts, launch = parts }
end

local CERTIFICATE <const> = plan {
  role = "value", subject = "value", issuer = "value", serial = "bytes", not_before = "value",
  not_after = "value", product = "value", hwid = "bytes", csp_id = "value", problem = "value",
}

local EVIDENCE <const> = plan {
  report = report_plan(), guest_policy = guest_policy_plan(), platform = platform_plan(),
  tcb = tcb_plan(), product = "value", genuine = "value", simulated = "value",
  signed_by = "value", csp_id = "value", root = "value", missing = "value", nonce = "bytes",
  now = "value", certificates = "nodes", runtime_data = "value",
}

-- ---- parts -------------------------------------------------------------------------------------

local function guest_policy_of(bits)
  local out = { abi_major = bits >> 8 & 0xff, abi_minor = bits & 0xff }
  for i = 1, #POLICY_BITS do
    local bit = POLICY_BITS[i]
    out[bit.field] = bits & bit.mask ~= 0
  end
  return out
end

local function platform_of(bits)
  local out, unknown = snp.platform_info(bits)
  out.unknown_bits = unknown
  return out
end

-- Certificates of the authorities are the same in most evidence: their nodes. They are forgotten at
-- some number.
local REMEMBERED <const> = 64
local known, known_count = {}, 0

local function certificate_of(certificate)
  local found = known[certificate.der]
  if found and found.role == certificate.role then return found.node end
  local parsed, message = snp.certificate_parse(certificate.der)
  parsed = parsed or { problem = message }
  found = { role = certificate.role }
  found.node = rules.encode_by(CERTIFICATE, {
    role = certificate.role, subject = parsed.subject_cn, issuer = parsed.issuer_cn,
    serial = parsed.serial, not_before = parsed.not_before, not_after = parsed.not_after,
    product = parsed.product, hwid = parsed.hwid, csp_id = parsed.csp_id, problem = parsed.problem,
  })
  if known_count == REMEMBERED then known, known_count = {}, 0 end
  known[certificate.der], known_count = found, known_count + 1
  return found.node
end

local function certificates_of(list)
  local out = {}
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
    report = report, guest_policy = guest_policy_of(report.policy),
    platform = platform_of(report.platform_info), tcb = case.tcbs, product = case.product,
    genuine = case.genuine == true, simulated = case.simulated == true,
    signed_by = case.signed_by, csp_id = case.csp_id, root = case.root, missing = case.missing,
    nonce = case.nonce, now = case.now, certificates = certificates_of(case.evidence.certificates),
    runtime_data = case.evidence.runtime_data,
  }
end

--- The request that has some of a list of them evaluated.
---@param views table[]
---@param first integer
---@param last integer
---@return string
function M.encode(views, first, last)
  return rules.evaluation(EVIDENCE, views, first, last)
end

return M
