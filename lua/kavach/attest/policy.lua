--- Attestation policies: what evidence must show to be allowed.
---
---   policy.strict { min_guest_svn = 3, min_abi = "1.55" }
---   policy.new("web", { vmpl = { max = 0 }, guest_policy = { debug_allowed = false } })

local check = require "kavach.check"
local err = require "kavach.err"
local requirements = require "kavach.attest.requirements"

local M = {}

local NAME_MAX <const> = 64

---@class kavach.Policy
---@field name string it is in every decision
---@field version string? so is this
---@field requires table see kavach.attest.requirements
---@field structural boolean? it looks at fields alone, whoever wrote them
---@field script kavach.Script? rules, of a policy in Lua
---@field digest string? SHA-256, in hex, of the files that it is from
---@field expected_measurement string? of `strict` and `seed_strict`: 48 bytes
---@field max_vmpl integer?
---@field min_guest_svn integer?
---@field required_policy_flags integer?
local Policy = { __name = "kavach.Policy" }
Policy.__index = Policy
M.class = Policy -- by which the prompt knows its objects

function Policy:__tostring()
  return ("attestation policy %s"):format(self.name)
end

--- Judges a report alone: what it says, whoever signed it. Only a structural policy can allow one
--- that way; others deny what they cannot verify.
---@param report kavach.Report
---@return kavach.Decision
function Policy:verify_against(report)
  return require("kavach.attest.decision").of_report(self, report)
end

--- For kavach.check: a policy's name.
function M.check_name(name)
  if #name <= NAME_MAX and name:find "^%w[%w ._-]*$" then return name end
  return nil, ("up to %d letters, digits, spaces and ._-"):format(NAME_MAX)
end

--- For kavach.check: a policy's version.
function M.check_version(version)
  if #version <= NAME_MAX and version:find "^%w[%w._+-]*$" then return version end
  return nil, ("up to %d letters, digits and ._+-"):format(NAME_MAX)
end

--- Judges evidence: attest.verify.
---@param evidence string|kavach.Evidence|table
---@param options kavach.VerifyOptions?
---@return kavach.Decision
function Policy:evaluate(evidence, options)
  return require("kavach.attest.verify").verify(evidence, self, options)
end

--- Ends the processes that a policy in Lua keeps for its next evaluation. They end by themselves
--- when nobody holds the policy any more.
function Policy:close()
  if self.script then self.script:close() end
end

Policy.__close = Policy.close

--- Reads a policy from a file: of Lua, if its name ends in ".lua" (see kavach.attest.script), else
--- of JSON (see kavach.attest.policy_file). An error of kind `io` means that it could not be read.
---@param path string
---@param options kavach.PolicyOptions? for a policy in Lua
---@return kavach.Policy?
---@return kavach.Error?
function M.load(path, options)
  if type(path) ~= "string" then
    error(("policy.load: path must be a string, got a %s"):format(type(path)), 2)
  end
  if path:find "%.lua$" then
    local script = require "kavach.attest.script"
    options = script.options(options, 2)
    return script.load(path, options)
  end
  local name = next(options or {})
  if name ~= nil then
    error(("policy.load: option '%s' is for policies in Lua"):format(tostring(name)), 2)
  end
  return require("kavach.attest.policy_file").load(path)
end

--- Runs tests of policies: see kavach.attest.tests.
---@param paths string|string[]
---@param options kavach.PolicyTestOptions?
---@return kavach.PolicyTestResult?
---@return kavach.Error?
function M.test(paths, options)
  local result, why = require("kavach.attest.tests").test(paths, options)
  return result, why
end

--- Makes a policy of requirements. Evidence must be genuine and not simulated unless they say
--- otherwise.
---@param name string
---@param requires table
---@param version string?
---@return kavach.Policy
function M.new(name, requires, version)
  for what, value in next, { name = name, version = version } do
    local must = type(value) ~= "string" and "a string" or nil
    if not must then must = select(2, M["check_" .. what](value)) end
    if must then error(("policy.new: %s must be %s"):format(what, must), 2) end
  end
  if name == nil then error("policy.new: a name is needed", 2) end
  local checked, message = requirements.read(requires, "policy " .. name)
  if not checked then error(message, 2) end
  return setmetatable({ name = name, version = version, requires = checked }, Policy)
end

-- ---- built-in ones -----------------------------------------------------------------------------

local function baseline_requirements()
  return {
    vmpl = { max = 0 }, masked_chip_id = "forbidden",
    guest_policy = {
      debug_allowed = false, migration_agent_allowed = false, cxl_allowed = false,
    },
  }
end

--- Genuine, VMPL 0, no debug, no migration agent, no CXL, and with a VCEK a chip id that is not
--- masked.
---@return kavach.Policy
function M.baseline()
  return M.new("baseline", baseline_requirements())
end

--- `baseline`, but evidence of a platform emulator that is trusted is allowed.
---@return kavach.Policy
function M.development()
  local requires = baseline_requirements()
  requires.simulated = "allowed"
  return M.new("development", requires)
end

local RESERVED_ONE <const> = 0x20000 -- bit 17, which every guest policy has
local ABI_BITS <const>, KNOWN_BITS <const> = 0xffff, 0x3ffffff
local FORBIDDEN <const> = 0x40000 | 0x80000 | 0x200000 -- migration agent, debug, CXL

local function flags(value)
  if value & ~KNOWN_BITS ~= 0 then return nil, "bits that a guest policy has: 16 to 25" end
  if value & ABI_BITS ~= 0 then
    return nil, "without bits of the ABI version, which min_abi compares as a version"
  end
  if value & FORBIDDEN ~= 0 then
    return nil, "without debug, migration agent and CXL, which a strict policy forbids"
  end
  return value
end

local UINT32 <const> = { type = "integer", min = 0, max = 0xffffffff, default = 0 }
local VMPL <const> = { type = "integer", min = 0, max = 3, default = 0 }
local MEASUREMENT <const> = {
  type = "string", fn = function(value) return requirements.bytes(value, 48) end,
}

local STRICT <const> = {
  expected_measurement = MEASUREMENT, max_vmpl = VMPL, min_guest_svn = UINT32,
  required_policy_flags = { type = "integer", fn = flags, default = RESERVED_ONE },
  min_abi = "string",
}

--- What `baseline` requires, and: no platform bits without a known meaning; the measurement, if one
--- is expected; the guest's SVN; bits of the guest policy that must be set; an ABI version that the
--- guest policy must ask for at least. SMT is left alone.
---@param fields kavach.StrictFields?
---@return kavach.Policy
function M.strict(fields)
  fields = check.table(STRICT, fields, "policy.strict")
  local requires = baseline_requirements()
  requires.vmpl = { max = fields.max_vmpl }
  requires.guest_svn = { min = fields.min_guest_svn }
  requires.measurement = fields.expected_measurement
  requires.platform = { unknown_bits = "forbidden" }
  requires.guest_policy.required_bits = fields.required_policy_flags
  requires.guest_policy.min_abi = fields.min_abi
  local checked, message = requirements.read(requires, "policy.strict")
  if not checked then error(message, 2) end
  fields.name, fields.requires = "strict", checked
  return setmetatable(fields, Policy)
end

local SEED <const> = {
  expected_measurement = MEASUREMENT, max_vmpl = UINT32, min_guest_svn = UINT32,
  required_policy_flags = { type = "integer", default = 0x20300 },
}

--- The first kavach's strict policy as it was, for comparison: four comparisons of fields, and no
--- look at who signed them. It takes the ABI version as bits of a mask, so that 3.0 refuses every
--- processor there is, and debug passes as long as the required bits are set.
---@param fields kavach.StrictFields? without `min_abi`
---@return kavach.Policy
function M.seed_strict(fields)
  fields = check.table(SEED, fields, "policy.seed_strict")
  fields.name, fields.structural = "seed-strict", true
  fields.requires = { genuine = false, simulated = "allowed", consistent = false }
  return setmetatable(fields, Policy)
end

local BUILT_IN <const> = {
  baseline = M.baseline, strict = M.strict, development = M.development,
  ["seed-strict"] = M.seed_strict,
}

--- The names of the built-in policies, in order.
---@return string[]
function M.names()
  local names = {}
  for name in next, BUILT_IN do names[#names + 1] = name end
  table.sort(names)
  return names
end

--- The built-in policy of that name ("seed_strict" is "seed-strict").
---@param name string
---@return kavach.Policy?
---@return kavach.Error?
function M.named(name)
  local make = BUILT_IN[name] or BUILT_IN[name:gsub("_", "-")]
  if make then return make() end
  local nearest = check.nearest(name, M.names())
  return err.fail("invalid_argument",
    ("there is no policy '%s'%s: the built-in ones are %s"):format(name,
      nearest and (" (did you mean '%s'?)"):format(nearest) or "",
      table.concat(M.names(), ", ")))
end

--- Whether the value is a policy.
function M.is(value)
  return getmetatable(value) == Policy
end

--- The policy that is meant: nil is `baseline`, text is a name. Anything else raises.
---@param given kavach.Policy|string|nil
---@param what string
---@return kavach.Policy
function M.of(given, what)
  if given == nil then return M.baseline() end
  if M.is(given) then return given end
  if type(given) ~= "string" then
    error(("%s: policy must be one of kavach.policy or a name, got a %s"):format(what,
      type(given)), 3)
  end
  local policy, why = M.named(given)
  if not policy then error(("%s: %s"):format(what, why.message), 3) end
  return policy
end

return M
