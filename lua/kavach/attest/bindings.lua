--- Who and what a report is bound to: the nonce that it answers, the hashes and ids that it has,
--- the key that signed it, and whether that is genuine. One check for each.

local checklist = require "kavach.attest.checklist"
local snp = require "kavach.snp"

local M = {}

local NOT_ASKED <const> = checklist.NOT_ASKED
local REPORT_DATA_SIZE <const> = 64
local SIGNING_KEY_VLEK <const> = 1
local shown, any_of = checklist.shown, checklist.any_of

local function includes(values, value)
  for _, one in ipairs(values) do
    if one == value then return true end
  end
  return false
end

local function itself(text) return text end

-- ---- what came with the report -----------------------------------------------------------------

local RUNTIME <const> = { "evidence.runtime_data", "REPORT_DATA is the hash of the runtime data",
  "report_data", stage = "bind" }

--- Whether the runtime data that Azure puts beside a report is what the report vouches for: true if
--- there is none.
local function runtime_data(list, case)
  local data, hash = case.evidence.runtime_data, case.evidence.runtime_hash
  if not data then
    list:skip(RUNTIME, "the evidence carries none")
    return true
  end
  if not case.report then return list:lack(RUNTIME, case.unreadable) end
  local known, digest = pcall(snp.digest, hash, data)
  if not known then return list:lack(RUNTIME, "its hash algorithm is not known") end
  local expected = digest .. ("\0"):rep(REPORT_DATA_SIZE - #digest)
  local passed = case.report.report_data == expected
  list:judge(RUNTIME, passed, snp.hex(expected), snp.hex(case.report.report_data),
    "what it says is not vouched for by the report")
  return passed
end

local CARRIED <const> = { "evidence.nonce", "REPORT_DATA is the nonce that the evidence carries",
  "report_data", stage = "bind" }

local function carried_nonce(list, case)
  local nonce = case.evidence.nonce
  if not nonce then return list:skip(CARRIED, "the evidence carries none") end
  if not case.report then return list:lack(CARRIED, case.unreadable) end
  local found = case.report.report_data
  list:judge(CARRIED, nonce == found, shown(nonce), shown(found),
    "the evidence does not fit together")
end

--- Adds the checks of what the evidence says about its report. Returns whether what it carries is
--- authentic as far as they tell.
---@param list table of kavach.attest.checklist
---@param case table
---@return boolean
function M.check_evidence(list, case)
  local authentic = runtime_data(list, case) == true
  carried_nonce(list, case)
  return authentic
end

-- ---- genuine and real --------------------------------------------------------------------------

local STAGES <const> = { parse = true, chain = true, bind = true, signature = true }

local function authenticity(list)
  local failed, missing = {}, {}
  for _, check in ipairs(list.checks) do
    if STAGES[check.stage] and check.status == "fail" then failed[#failed + 1] = check.id end
    if STAGES[check.stage] and check.status == "not_checked" and check.decides then
      missing[#missing + 1] = check.id
    end
  end
  local words = {}
  if #failed > 0 then words[1] = "fails: " .. table.concat(failed, " ") end
  if #missing > 0 then words[#words + 1] = "not checked: " .. table.concat(missing, " ") end
  return #words > 0 and table.concat(words, "; ") or "all pass"
end

--- Adds whether the report is genuine, and of a real processor.
---@param list table
---@param case table
function M.check_origin(list, case)
  local what = { "policy.genuine", "the report is genuine" }
  if case.requires.genuine then
    list:judge(what, case.genuine, "every check of authenticity passes", authenticity(list))
  else
    list:skip(what, NOT_ASKED, case.genuine and "it is" or "it is not known to be")
  end
  what = { "policy.simulated", "the report is of a real processor" }
  local found = case.simulated and "simulated: made by a platform emulator" or "not simulated"
  if case.requires.simulated == "allowed" then
    list:skip(what, "the policy allows simulated evidence", found)
  else
    list:judge(what, not case.simulated, "not simulated", found, "simulated root not allowed: it "
      .. "takes both --emulator and a policy with simulated = \"allowed\"")
  end
end

-- ---- the key -----------------------------------------------------------------------------------

local function signed_by(list, case, rule)
  local what = { "policy.signed_by", "the right kind of key signed it", "key_info" }
  local found = case.signed_by and case.signed_by:upper()
  if not rule then return list:skip(what, NOT_ASKED, found) end
  if not found then return list:lack(what, "there is no VCEK or VLEK", rule:upper()) end
  list:judge(what, case.signed_by == rule, rule:upper(), found)
end

local function csp_id(list, case, rule)
  local what = { "policy.csp_id", "the cloud provider is an expected one" }
  if not rule then return list:skip(what, NOT_ASKED, case.csp_id) end
  list:judge(what, case.csp_id ~= nil and includes(rule, case.csp_id), any_of(rule, itself),
    case.csp_id or "none: no VLEK signed it")
end

-- What signed it, by its certificate; without one, by what the report says.
local function is_vlek(case)
  if case.signed_by then return case.signed_by == "vlek" end
  return case.report.key_info >> 2 & 7 == SIGNING_KEY_VLEK
end

local function masked_chip_id(list, case, rule)
  local what = { "policy.masked_chip_id", "CHIP_ID is not masked", "chip_id" }
  local masked = not case.report.chip_id:find "[^\0]"
  local found = masked and "masked: all zero" or "not masked"
  if is_vlek(case) then return list:skip(what, "a VLEK names no chip", found) end
  if rule ~= "forbidden" then return list:skip(what, NOT_ASKED, found) end
  list:judge(what, not masked, "not masked", found, "the report does not tell which chip made it")
end

local function revocation(list, rule)
  local what = { "policy.crl", "a CRL vouches for the ASK or ASVK" }
  if not rule then return list:skip(what, NOT_ASKED) end
  local listed, failed
  for _, check in ipairs(list.checks) do
    if check.id == "crl.ask_not_revoked" then listed = check end
    if check.id:find "^crl%." and check.status == "fail" then failed = failed or check end
  end
  local expected = "one of now by the ARK, without it"
  if failed then return list:judge(what, false, expected, "fails: " .. failed.id) end
  if not listed or listed.status ~= "pass" then
    return list:lack(what, listed and listed.reason or "nothing was verified", expected)
  end
  list:judge(what, true, expected, "it does")
end

-- ---- the nonce ---------------------------------------------------------------------------------

-- What else may be in the way of a nonce.
local function nonce_hint(case)
  if case.evidence.runtime_data then
    return "on Azure, report_data is a hash of runtime data: the nonce is in the TPM's quote"
  end
  return "this report does not answer the nonce"
end

local function nonce(list, case, rule)
  local what = { "policy.nonce", "the report answers the nonce", "report_data" }
  local found = case.report.report_data
  if case.nonce then
    return list:judge(what, found == case.nonce, shown(case.nonce), shown(found), nonce_hint(case))
  end
  local reason = "no nonce was given" .. (case.evidence.nonce
    and ": the one that the evidence carries proves nothing" or "")
  if rule and #rule == 1 and rule[1] == "nonce" then return list:lack(what, reason) end
  list:skip(what, reason, shown(found))
end

local function report_data(list, case, rule)
  local what = { "policy.report_data", "REPORT_DATA is an expected value", "report_data" }
  local values = {}
  for _, value in ipairs(rule or {}) do
    if value ~= "nonce" then
      values[#values + 1] = value
    elseif case.nonce then
      values[#values + 1] = case.nonce
    end
  end
  local found = case.report.report_data
  if not rule then return list:skip(what, NOT_ASKED, shown(found)) end
  if #values == 0 then return list:lack(what, "no nonce was given") end
  list:judge(what, includes(values, found), any_of(values, shown), shown(found))
end

-- ---- hashes and ids ----------------------------------------------------------------------------

local BYTES <const> = {
  { "measurement", "the launch digest is an expected one" },
  { "host_data", "HOST_DATA is an expected value" },
  { "id_key_digest", "the ID key is an expected one" },
  { "author_key_digest", "the author key is an expected one" },
  { "family_id", "the family is an expected one" },
  { "image_id", "the image is an expected one" },
  { "chip_id", "the chip is an expected one" },
}

local function bytes(list, case)
  for _, field in ipairs(BYTES) do
    local name = field[1]
    local rule, found = case.requires[name], case.report[name]
    local what = { "policy." .. name, field[2], name }
    if rule then
      list:judge(what, includes(rule, found), any_of(rule, shown), shown(found))
    else
      list:skip(what, NOT_ASKED, shown(found))
    end
  end
end

--- Adds the checks of what the report is bound to.
---@param list table of kavach.attest.checklist
---@param case table of kavach.attest.decision
function M.check(list, case)
  local requires = case.requires
  signed_by(list, case, requires.signed_by)
  csp_id(list, case, requires.csp_id)
  masked_chip_id(list, case, requires.masked_chip_id)
  revocation(list, requires.crl)
  nonce(list, case, requires.report_data)
  report_data(list, case, requires.report_data)
  bytes(list, case)
end

return M
