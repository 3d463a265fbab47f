--- Decisions: whether evidence is allowed, and every check with its reason.
---
--- All checks are made, not only up to the first that fails; what was not checked says why, and
--- never counts as passed.

local bindings = require "kavach.attest.bindings"
local checklist = require "kavach.attest.checklist"
local err = require "kavach.err"
local snp = require "kavach.snp"

local M = {}

---@class kavach.Decision
---@field allow boolean
---@field genuine boolean every check of authenticity passed, whatever the policy says
---@field simulated boolean a platform emulator made the evidence
---@field structural boolean the policy looks at fields alone, whoever signed them
---@field policy string
---@field policy_version string?
---@field policy_digest string? SHA-256, in hex, of the files that the policy is from
---@field data table<string, string>? SHA-256, in hex, of the data that its rules had
---@field spent { steps: integer, memory: integer }? of its rules' budget: see kavach.PolicyOptions
---@field product string?
---@field report_version integer?
---@field signed_by "vcek"|"vlek"|nil
---@field root "amd"|"given"|nil what vouches for the chain
---@field csp_id string?
---@field missing "vek"|"ask"|"ark"|nil the first certificate that the evidence lacks
---@field now integer? the time that it was judged at
---@field evidence { kind: string?, encoding: string?, source: string?, line: integer?,
--- made_by: string? } what it was taken for, where it came from, and who says to have made it
---@field checks kavach.Check[]
---@field error kavach.Error? why there was nothing to judge
---@field decision_id string? in hex: once it was logged (kavach.attest.decision_log)
---@field judged { evidence: kavach.Evidence, nonce: string? }? what it is about
local Decision = { __name = "kavach.Decision" }
Decision.__index = Decision
M.class = Decision -- by which the prompt knows its objects

function Decision:__tostring()
  return require("kavach.attest.explain").line(self)
end

-- ---- making one --------------------------------------------------------------------------------

local function new(policy, list, fields)
  fields.policy, fields.policy_version = policy.name, policy.version
  fields.policy_digest = policy.digest
  fields.data = policy.script and policy.script.data
  fields.structural = policy.structural == true
  fields.simulated = fields.simulated == true
  fields.genuine = fields.genuine == true
  fields.evidence = fields.evidence or {}
  fields.checks, fields.allow = list.checks, list:allows()
  return setmetatable(fields, Decision)
end

-- What the policy says about a report whose fields can be read.
local function judge(list, policy, case)
  bindings.check_origin(list, case)
  bindings.check(list, case)
  require("kavach.attest.demands").check(list, case)
  if policy.structural then require("kavach.attest.structural").check(list, policy, case.report) end
end

-- Which of a verification's checks decide: those of authenticity if the policy wants the report to
-- be genuine, but not one that this report need not pass; the others if it is to be consistent.
local function decider(requires)
  return function(check)
    if check.stage == "policy" then return requires.consistent end
    return requires.genuine and not (check.status == "not_checked" and check.optional)
  end
end

local REPORT <const> = { "policy.report", "the report's fields can be read" }

--- Begins the decision about evidence that was verified: all but what the policy's rules say.
---@param policy kavach.Policy
---@param evidence kavach.Evidence
---@param result table of kavach.snp
---@param about { trust: kavach.Trust, nonce: string?, now: integer }
---@return table begun for `finish`; its `view` is what rules are to see, if there are any
function M.begin(policy, evidence, result, about)
  local list = checklist.new()
  list:take(result.checks, decider(policy.requires))
  local fields, message = snp.report_parse(evidence.report)
  local product = result.product ~= "unknown" and result.product or nil
  local case = {
    requires = policy.requires, evidence = evidence, report = fields, nonce = about.nonce,
    unreadable = message, product = product, signed_by = result.signed_by,
    csp_id = result.csp_id, simulated = about.trust:simulates(evidence, result.root),
    tcbs = fields and snp.report_tcbs(evidence.report, product), root = result.root,
    missing = result.missing, now = about.now, report_version = result.report_version,
  }
  case.genuine = bindings.check_evidence(list, case) and result.genuine
  if fields then
    judge(list, policy, case)
  else
    bindings.check_origin(list, case)
    list:lack(REPORT, message)
  end
  local rules = policy.script and fields
  return {
    policy = policy, list = list, case = case,
    view = rules and require("kavach.attest.script.view").of(case) or nil,
  }
end

local UNREADABLE <const> = { failed = "the report cannot be read" }

--- Ends what `begin` began.
---@param begun table
---@param outcome table? what the policy's rules say, if it has a script: of kavach.Script:evaluate
---@return kavach.Decision
function M.finish(begun, outcome)
  local case, evidence, policy = begun.case, begun.case.evidence, begun.policy
  local spent
  if policy.script then
    outcome = outcome or UNREADABLE
    require("kavach.attest.script.judge").check(begun.list, policy.script, outcome, case)
    spent = outcome.steps and { steps = outcome.steps, memory = outcome.space }
  end
  return new(policy, begun.list, {
    genuine = case.genuine, simulated = case.simulated, product = case.product,
    report_version = case.report_version, signed_by = case.signed_by, root = case.root,
    csp_id = case.csp_id, missing = case.missing, now = case.now, spent = spent,
    judged = { evidence = evidence, nonce = case.nonce },
    evidence = {
      kind = evidence.kind, encoding = evidence.encoding, source = evidence.source,
      made_by = evidence.made_by,
    },
  })
end

--- The decision about evidence that was verified.
---@param policy kavach.Policy
---@param evidence kavach.Evidence
---@param result table of kavach.snp
---@param about { trust: kavach.Trust, nonce: string?, now: integer }
---@return kavach.Decision
function M.make(policy, evidence, result, about)
  local begun = M.begin(policy, evidence, result, about)
  return M.finish(begun, begun.view and policy.script:evaluate({ begun.view })[1])
end

local STEPS <const> = {
  policy = { "policy.load", "the policy can be loaded", stage = "read" },
  trust = { "trust.load", "what is to be trusted can be loaded", stage = "read" },
  evidence = { "evidence.read", "the evidence can be read", stage = "read" },
}

--- The decision where there is nothing to judge, or nothing to judge it by.
---@param policy kavach.Policy|{ name: string }
---@param why kavach.Error
---@param step "policy"|"trust"|"evidence" what could not be read
---@param source string?
---@return kavach.Decision
function M.denied(policy, why, step, source)
  local list = checklist.new()
  list:judge(STEPS[step], false, nil, tostring(why))
  return new(policy, list, { error = why, evidence = { source = source } })
end

local UNSIGNED <const> = "only a report was given, and nothing that vouches for it"

-- What a verification says of a report's fields alone, if the policy wants it to be consistent.
local function check_consistency(list, policy, report)
  if not policy.requires.consistent then return end
  local result = assert(require("kavach.attest.trust").default().verifier:verify {
    report = report:to_bytes(), now = 0, product = report.product,
  })
  local checks = {}
  for _, check in ipairs(result.checks) do
    if check.stage == "policy" then checks[#checks + 1] = check end
  end
  list:take(checks, decider(policy.requires))
end

--- The decision about a report alone: see kavach.Policy:verify_against.
---@param policy kavach.Policy
---@param report kavach.Report
---@return kavach.Decision
function M.of_report(policy, report)
  local list = checklist.new()
  local genuine = { "policy.genuine", "the report is genuine" }
  if policy.requires.genuine then
    list:lack(genuine, UNSIGNED, "every check of authenticity passes")
  else
    list:skip(genuine, UNSIGNED)
  end
  if policy.requires.simulated ~= "allowed" then
    list:lack({ "policy.simulated", "the report is of a real processor" }, UNSIGNED)
  end
  if not report.claims then
    local case = {
      requires = policy.requires, evidence = {}, report = report, product = report.product,
      tcbs = report:tcbs(),
    }
    check_consistency(list, policy, report)
    bindings.check(list, case)
    require("kavach.attest.demands").check(list, case)
  elseif not policy.structural then
    list:lack({ "policy.report", "the report has every field" },
      "a report from JSON has nine of its fields")
  end
  if policy.structural then require("kavach.attest.structural").check(list, policy, report) end
  if policy.script then
    list:lack({ "policy.rules", "the policy's rules pass" },
      "a report alone is no evidence for them")
  end
  return new(policy, list, { product = report.product, report_version = report.version })
end

-- ---- what it says ------------------------------------------------------------------------------

--- How it came out: "allowed"; "denied"; or "undecided", where the evidence could not be read or
--- has no certificate to verify it with, and nothing is known to be wrong with it.
---@return "allowed"|"denied"|"undecided"
function Decision:outcome()
  if self.allow then return "allowed" end
  if self.error then return err.is(self.error, "io") and "undecided" or "denied" end
  if not self.missing then return "denied" end
  for _, check in ipairs(self.checks) do
    if check.status == "fail" and check.decides and check.stage ~= "policy" then return "denied" end
  end
  return "undecided"
end

--- The checks that keep it from being allowed.
---@return kavach.Check[]
function Decision:reasons()
  local list = {}
  for _, check in ipairs(self.checks) do
    if check.decides and check.status ~= "pass" then list[#list + 1] = check end
  end
  return list
end

--- The decision as plain values, ready for JSON: see kavach.attest.document.
---@return table
function Decision:to_table()
  return require("kavach.attest.document").table(self)
end

--- The JSON document, in one line.
---@return string
function Decision:to_json()
  return require("kavach.attest.document").encode(self)
end

--- Lines for people; see kavach.attest.explain.
---@param options { color: boolean? }?
---@return string
function Decision:to_text(options)
  return require("kavach.attest.explain").text(self, options)
end

return M
