--- Evidence against a policy: the decision.
---
---   local decision = attest.verify(evidence, policy.strict(), { nonce = nonce })
---   print(decision.allow, decision)

local check = require "kavach.check"
local decisions = require "kavach.attest.decision"
local err = require "kavach.err"
local evidences = require "kavach.attest.evidence"
local policies = require "kavach.attest.policy"
local requirements = require "kavach.attest.requirements"
local tcb = require "kavach.attest.tcb"
local trusts = require "kavach.attest.trust"

local M = {}

local NONCE_SIZE <const> = 64

local OPTIONS <const> = {
  nonce = { type = "string", fn = function(value)
    return requirements.bytes(value, NONCE_SIZE)
  end },
  now = "integer",
  product = { type = "string", fn = tcb.check_product },
  trust = { type = "table", fn = function(value)
    if trusts.is(value) then return value end
    return nil, "what attest.trust gives"
  end },
}

--- What many verifications have in common: a policy, and options that were checked.
---@param policy kavach.Policy|string|nil
---@param options kavach.VerifyOptions?
---@param what string how errors call it
---@return table
function M.about(policy, options, what)
  local about = check.table(OPTIONS, options, what, 3)
  about.policy = policies.of(policy, what)
  about.trust = about.trust or trusts.default()
  about.now = about.now or os.time()
  return about
end

--- Evidence as kavach.snp's verifier wants it.
---@param evidence kavach.Evidence
---@param about table
---@return table
function M.input(evidence, about)
  return {
    report = evidence.report, crls = evidence.crls, now = about.now,
    certificates = about.trust:certificates_of(evidence, about.product, about.now),
    product = about.product or evidence.product,
  }
end

--- The decision of a verifier's result, or of its failure.
---@param evidence kavach.Evidence
---@param result table? of kavach.snp; nil: `message` and `kind` say why
---@param about table
---@return kavach.Decision
function M.decide(evidence, result, about, message, kind)
  if result then return decisions.make(about.policy, evidence, result, about) end
  return decisions.denied(about.policy, err.new(kind or "invalid_argument", message), "evidence",
    evidence.source)
end

--- Judges evidence. Always gives a decision: what cannot be read as evidence is denied. Raises only
--- for misuse.
---@param given string|kavach.Evidence|table bytes as attest.parse takes, what attest.load gives,
--- or a table with `report`, `certificates`, `crls`
---@param policy kavach.Policy|string|nil one of kavach.policy, or the name of a built-in one
---@param options kavach.VerifyOptions?
---@return kavach.Decision
function M.verify(given, policy, options)
  local about = M.about(policy, options, "attest.verify")
  if type(given) ~= "string" and type(given) ~= "table" then
    error(("attest.verify: evidence must be bytes or a table, got a %s"):format(type(given)), 2)
  end
  local evidence, why = evidences.of(given)
  if not evidence then return decisions.denied(about.policy, why, "evidence") end
  local result, message, kind = about.trust.verifier:verify(M.input(evidence, about))
  return M.decide(evidence, result, about, message, kind)
end

return M
