--- Evidence that policy tests ask for. A test names what is not usual about it, by the names that
--- rules have (kavach.attest.script.view):
---
---   product, signed_by ("vcek", "vlek"), csp_id, nonce (hex; false: none is asked for), now
---   guest_policy, platform   bits by name; abi_major, abi_minor
---   tcb                      parts by name, of all four TCBs and of the key
---   current_tcb, committed_tcb, launch_tcb   parts by name, of one
---   crl                      "good", or "revoked": of the authority that signed the key
---   and any field of a report: an integer, or hex
---
--- `genuine` evidence is as a real processor's: it is an emulator's underneath, and no decision
--- outside of a test can be made of it.

local check = require "kavach.check"
local err = require "kavach.err"
local evidences = require "kavach.attest.evidence"
local platforms = require "kavach.attest.tests.platform"
local report_of = require "kavach.attest.emulator_report"
local snp = require "kavach.snp"
local tcb_of = require "kavach.attest.tcb"
local trusts = require "kavach.attest.trust"

local M = {}

local NONCE <const> = ("\x5a"):rep(64)
local POLICY <const> = 0x30000 -- of what the emulator writes unless told otherwise
local PLATFORM <const> = 0x25
local MASKED <const> = ("\0"):rep(64)
local CHIP_ID_SIZE_TURIN <const> = 8

-- ---- what a test says --------------------------------------------------------------------------

local PART <const> = { type = "integer", min = 0, max = 255 }
local TCB <const> = { fields = { fmc = PART, boot_loader = PART, tee = PART, snp = PART,
  microcode = PART } }
local ONE_TCB <const> = { "current_tcb", "committed_tcb", "launch_tcb" }

local function hex(size)
  return { type = "string", fn = function(text)
    local bytes = #text == 2 * size and snp.unhex(text)
    if bytes then return bytes end
    return nil, ("%d hex digits"):format(2 * size)
  end }
end

local function bits(names)
  local fields = { abi_major = PART, abi_minor = PART }
  for _, name in ipairs(names) do fields[name] = "boolean" end
  return { fields = fields }
end

local function policy_bits()
  local names = {}
  for i, bit in ipairs(snp.guest_policy_bits()) do names[i] = bit.field end
  return bits(names)
end

local function platform_bits()
  local names = {}
  for name in next, (snp.platform_info(0)) do names[#names + 1] = name end
  local rule = bits(names)
  rule.fields.abi_major, rule.fields.abi_minor = nil, nil
  return rule
end

local spec

local function fields_spec()
  if spec then return spec end
  spec = {
    product = { type = "string", fn = tcb_of.check_product, default = "milan" },
    signed_by = { enum = { "vcek", "vlek" }, default = "vcek" },
    csp_id = { type = "string", fn = function(text)
      local problem = require("kavach.attest.emulator").csp_id_problem(text)
      if problem then return nil, problem end
      return text
    end },
    nonce = { type = { "string", "boolean" }, fn = function(value)
      if type(value) == "string" then return hex(64).fn(value) end
      if value == false then return value end
      return nil, "128 hex digits, or false"
    end },
    now = { type = "integer", min = 0 }, crl = { enum = { "good", "revoked" } },
    guest_policy = policy_bits(), platform = platform_bits(), tcb = TCB,
  }
  for name, field in next, report_of.fields() do
    spec[name] = field.number and { type = "integer" } or hex(field.size)
  end
  for _, name in ipairs(ONE_TCB) do spec[name] = TCB end
  spec.version = { type = "integer", min = 2, max = 5 }
  spec.reported_tcb = nil -- what the key is for: `tcb`
  return spec
end

-- ---- the report --------------------------------------------------------------------------------

local function with_parts(base, parts)
  local tcb = {}
  for part, value in next, base do tcb[part] = value end
  for part, value in next, parts or {} do tcb[part] = value end
  return tcb
end

local function policy_of(given)
  local value = given.policy or POLICY
  local names = given.guest_policy or {}
  for _, bit in ipairs(snp.guest_policy_bits()) do
    local wanted = names[bit.field]
    if wanted ~= nil then value = wanted and value | bit.mask or value & ~bit.mask end
  end
  if names.abi_major then value = value & ~0xff00 | names.abi_major << 8 end
  if names.abi_minor then value = value & ~0xff | names.abi_minor end
  return value
end

-- The bit of PLATFORM_INFO that has that name.
local function platform_bit(name)
  for shift = 0, 63 do
    if (snp.platform_info(1 << shift))[name] then return 1 << shift end
  end
  error("no bit " .. name)
end

local function platform_of(given)
  local value = given.platform_info or PLATFORM
  for name, wanted in next, given.platform or {} do
    local bit = platform_bit(name)
    value = wanted and value | bit or value & ~bit
  end
  return value
end

-- What the emulator is asked for.
local function options_of(given, tcb)
  local out = { key = given.signed_by, tcb = tcb, report_data = given.report_data or NONCE }
  for name in next, report_of.fields() do
    -- a VCEK's chip is the platform's, which is made for it
    local own = name ~= "chip_id" or given.chip_id == MASKED or given.signed_by == "vlek"
    if own then out[name] = out[name] or given[name] end
  end
  out.policy, out.platform_info = policy_of(given), platform_of(given)
  for _, name in ipairs(ONE_TCB) do
    if given[name] then
      out[name] = snp.tcb_write(given.product, with_parts(tcb, given[name]))
    end
  end
  return out
end

local function platform_for(given)
  local changes = { csp_id = given.csp_id }
  if given.chip_id and given.chip_id ~= MASKED then changes.chip_id = given.chip_id end
  return platforms.of(given.product, changes)
end

local function problem_of(given, tcb)
  local turin = given.product == "Turin"
  if turin and given.chip_id and given.chip_id:find("[^\0]", CHIP_ID_SIZE_TURIN + 1) then
    return "chip_id: of a Turin, all but the first 8 bytes are zero"
  end
  return tcb_of.problem(given.product, tcb)
end

-- ---- what it becomes ---------------------------------------------------------------------------

local function certificates_of(bundle)
  local list = {}
  for _, role in ipairs { "vcek", "vlek", "ask", "asvk", "ark" } do
    local der = bundle.certificates[role]
    if der then list[#list + 1] = { role = role, der = der } end
  end
  return list
end

local function crl_of(platform, given)
  if not given.crl then return {} end
  local authority = given.signed_by == "vlek" and "asvk" or "ask"
  local der, why = platform:crl {
    revoked = given.crl == "revoked" and { authority } or {},
    this_update = platforms.NOT_BEFORE, next_update = given.now + 24 * 3600,
  }
  if not der then return nil, why end
  return { der }
end

-- Another report than the one that was signed.
local function altered(report)
  local at = report_of.fields().report_id.offset
  return report:sub(1, at) .. ("\xff"):rep(32) .. report:sub(at + 33)
end

-- A trust that takes its emulator for AMD.
local function real(trust)
  return setmetatable({ simulates = function() return false end }, { __index = trust })
end

local function assemble(kind, platform, given, bundle)
  local crls, why = crl_of(platform, given)
  if not crls then return nil, why end
  local report = kind == "altered" and altered(bundle.report) or bundle.report
  local certificates = kind ~= "unsigned" and certificates_of(bundle) or {}
  local evidence
  evidence, why = evidences.of {
    report = report, certificates = certificates, crls = crls, product = bundle.product,
  }
  if not evidence then return nil, why end
  local trust = assert(trusts.new { emulator = platform })
  local nonce = given.nonce
  if nonce == nil then nonce = given.report_data or NONCE end
  return evidence, {
    trust = kind == "simulated" and trust or real(trust), now = given.now, nonce = nonce or nil,
    as_amd = kind ~= "simulated",
  }
end

local function make(kind, with)
  local given, message = check.test(fields_spec(), with, "evidence." .. kind)
  if not given then return err.fail("invalid_argument", message) end
  given.now = given.now or platforms.NOW
  local tcb = with_parts(platforms.tcb(given.product), given.tcb)
  local problem = problem_of(given, tcb)
  local options = not problem and options_of(given, tcb)
  if options then problem = select(2, report_of.read_options(options, given.product)) end
  if problem then return err.fail("invalid_argument", ("evidence.%s: %s"):format(kind, problem)) end
  local platform, why = platform_for(given)
  local bundle
  if platform then bundle, why = platform:report(options) end
  if not bundle then return nil, why end
  return assemble(kind, platform, given, bundle)
end

-- ---- all ---------------------------------------------------------------------------------------

local FILE <const> = {
  now = { type = "integer", min = 0 },
  nonce = { type = "string", fn = function(text) return hex(64).fn(text) end },
}

local function load(folder, name, with)
  if name:find "^/" or ("/" .. name .. "/"):find("/../", 1, true) then
    return err.fail("invalid_argument", ("evidence.file: '%s' is not below the test's folder")
      :format(name))
  end
  local given, message = check.test(FILE, with, "evidence.file")
  if not given then return err.fail("invalid_argument", message) end
  local evidence, why = evidences.load(folder .. name)
  if not evidence then return nil, why end
  return evidence, { trust = trusts.default(), now = given.now or platforms.NOW,
    nonce = given.nonce }
end

local KINDS <const> = { genuine = true, simulated = true, unsigned = true, altered = true }

--- What a test asks for: the evidence, and what it is judged with; or nil and an error.
---@param asked { kind: string, with: table?, name: string? }
---@param folder string the test's
---@return kavach.Evidence?
---@return table|kavach.Error about
function M.of(asked, folder)
  if asked.kind == "file" then return load(folder, asked.name, asked.with) end
  if not KINDS[asked.kind] then
    return err.fail("invalid_argument", "evidence: there is no such kind")
  end
  return make(asked.kind, asked.with)
end

return M
