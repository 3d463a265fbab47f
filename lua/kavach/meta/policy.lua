---@meta _
-- luacheck: ignore 212 241 (parameters and methods are there for their types)

---Attestation policies: what evidence must show to be allowed.
---@class kavach.policy
local policy = {}

---Reads a policy from a file: of Lua, if its name ends in ".lua", else of JSON.
---
---```lua
---local prod = assert(kavach.policy.load("prod.lua", { steps = 100000 }))
---print(prod:evaluate(assert(kavach.attest.load "evidence.json")))
---```
---@param path string
---@param options? kavach.PolicyOptions for a policy in Lua
---@return kavach.Policy? policy
---@return kavach.Error?
---@see kavach.Policy
function policy.load(path, options) end

---Runs tests of policies: those in files, in folders, or beside policies.
---
---```lua
---local result = assert(kavach.policy.test("policies", { coverage = true }))
---print(result.passed, result.failed)
---```
---@param paths string|string[]
---@param options? kavach.PolicyTestOptions
---@return kavach.PolicyTestResult? result
---@return kavach.Error?
function policy.test(paths, options) end

---Makes a policy of requirements. Evidence must be genuine unless they say otherwise.
---
---```lua
---local web = kavach.policy.new("web", { vmpl = { max = 0 },
---  guest_policy = { debug_allowed = false } })
---```
---@param name string
---@param requires table see kavach.attest.requirements
---@param version? string
---@return kavach.Policy policy
function policy.new(name, requires, version) end

---Genuine, VMPL 0, no debug, no migration agent, no CXL, and a chip id that is not masked.
---
---```lua
---local decision = kavach.attest.verify("", kavach.policy.baseline())
---```
---@return kavach.Policy policy
function policy.baseline() end

---The baseline, and what the fields ask for: measurement, SVN, bits and ABI of the guest policy.
---
---```lua
---local strict = kavach.policy.strict { min_guest_svn = 3, min_abi = "1.55" }
---```
---@param fields? kavach.StrictFields
---@return kavach.Policy policy
function policy.strict(fields) end

---The baseline, but evidence of a platform emulator that is trusted is allowed.
---
---```lua
---local decision = kavach.attest.verify("", kavach.policy.development())
---```
---@return kavach.Policy policy
function policy.development() end

---The first kavach's strict policy as it was, for comparison.
---
---```lua
---local old = kavach.policy.seed_strict { min_guest_svn = 3 }
---```
---@param fields? kavach.StrictFields without min_abi
---@return kavach.Policy policy
function policy.seed_strict(fields) end

---The names of the built-in policies, in order.
---
---```lua
---print(table.concat(kavach.policy.names(), ", "))
---```
---@return string[] names
function policy.names() end

---The built-in policy of that name.
---
---```lua
---local strict = assert(kavach.policy.named "strict")
---```
---@param name "baseline"|"strict"|"development"|"seed-strict"
---@return kavach.Policy? policy
---@return kavach.Error?
function policy.named(name) end

---Whether the value is a policy.
---
---```lua
---assert(kavach.policy.is(kavach.policy.strict()))
---```
---@param value any
---@return boolean
function policy.is(value) end

---Of `kavach.policy.strict`.
---@class kavach.StrictFields
---@field expected_measurement? string 48 bytes, or 96 hex digits
---@field max_vmpl? integer default 0
---@field min_guest_svn? integer default 0
---@field required_policy_flags? integer bits of the guest policy that must be set
---@field min_abi? string such as "1.55"

---Of `kavach.policy.load`, for a policy in Lua.
---@class kavach.PolicyOptions
---@field data? table<string, string> files of JSON, by the name that rules have for them
---@field isolate? boolean false: rules run in this process, for those who trust their author;
--- default true
---@field steps? integer the budget of an evaluation: instructions, and work of C functions
---@field memory_mb? integer the memory of a policy, its data not counted

---Of `kavach.policy.test`.
---@class kavach.PolicyTestOptions
---@field run? string a Lua pattern: the tests whose names have it
---@field coverage? boolean what of the policies the tests have seen
---@field threshold? integer percent of lines and of rules that they must have seen

---A policy.
---@class kavach.Policy
---@field name string it is in every decision
---@field version? string so is this
---@field requires table
local Policy = {}

---Judges evidence: attest.verify.
---
---```lua
---local evidence = assert(kavach.attest.load "evidence.json")
---print(kavach.policy.strict():evaluate(evidence, { product = "milan" }))
---```
---@param evidence string|kavach.Evidence|table
---@param options? kavach.VerifyOptions
---@return kavach.Decision decision
function Policy:evaluate(evidence, options) end

---Judges a report alone: what it says, whoever signed it.
---
---```lua
---local file <close> = assert(io.open "report.json")
---local report = assert(kavach.report.from_json(file:read "a"))
---print(kavach.policy.seed_strict():verify_against(report))
---```
---@param report kavach.Report
---@return kavach.Decision decision
function Policy:verify_against(report) end

---Ends the processes that a policy in Lua keeps for its next evaluation.
---
---```lua
---local prod = assert(kavach.policy.load "prod.lua")
---prod:close()
---```
function Policy:close() end
