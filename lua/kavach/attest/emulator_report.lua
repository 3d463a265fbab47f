--- What a platform emulator writes into a report before it signs.

local check = require "kavach.check"
local snp = require "kavach.snp"
local tcb_of = require "kavach.attest.tcb"

local M = {}

local CHIP_ID_SIZE <const> = 64

--- What each product is like unless told otherwise: CPUID family, model and stepping; the version
--- of its reports; its firmware.
M.PRODUCTS = {
  Milan = { cpuid = { 0x19, 0x01, 1 }, version = 3,
    tcb = { boot_loader = 4, tee = 0, snp = 24, microcode = 219 } },
  Genoa = { cpuid = { 0x19, 0x11, 1 }, version = 3,
    tcb = { boot_loader = 10, tee = 0, snp = 23, microcode = 84 } },
  Turin = { cpuid = { 0x1a, 0x02, 1 }, version = 5,
    tcb = { fmc = 1, boot_loader = 1, tee = 1, snp = 4, microcode = 81 } },
}

-- ---- options -----------------------------------------------------------------------------------

local function bytes_of(size)
  return function(value)
    if #value == size then return value end
    return nil, ("%d bytes, not %d"):format(size, #value)
  end
end

local fields -- by name: what a caller may set

--- The fields of a report that signing does not write, by name, each as snp.report_fields has it.
---@return table<string, { name: string, size: integer, since: integer, number: boolean }>
function M.fields()
  if not fields then
    fields = {}
    for _, field in ipairs(snp.report_fields()) do
      if not field.name:find "^signature_[rs]$" then fields[field.name] = field end
    end
  end
  return fields
end

local spec

local function options_spec()
  if spec then return spec end
  spec = {
    key = { enum = { "vcek", "vlek", "none" }, default = "vcek" },
    tcb = { type = "table" }, -- what all four TCBs are, and what the certificate is for
    measure = { type = "table" },
    made_by = { type = "string" },
  }
  for name, field in pairs(M.fields()) do
    spec[name] = field.number and { type = "integer" }
      or { type = "string", fn = bytes_of(field.size) }
  end
  spec.version = { type = "integer", min = 2, max = 5 }
  spec.report_data.required = true
  return spec
end

--- A number that a field has no room for, or a field that the version has no place for.
local function field_problem(options, version)
  for _, field in ipairs(snp.report_fields()) do
    local value = options[field.name]
    if value and field.since > version then
      return ("%s: only reports from version %d on have it, this one is of version %d"):format(
        field.name, field.since, version)
    end
    if value and field.number and field.size < 8 and (value < 0 or value >> 8 * field.size > 0) then
      return ("%s: %d does not fit in %d bits"):format(field.name, value, 8 * field.size)
    end
  end
end

--- A launch whose digest is one that a report can have.
local function plan_launch(options)
  if options.measurement then return nil, "give one of measurement and measure" end
  local plan, message = require("kavach.measure").plan(options.measure)
  if not plan then return nil, message end
  if plan.mode == "snp" or plan.mode == "snp:svsm" then return plan end
  return nil, ("measure: mode %s gives no launch digest of an SNP guest (snp and snp:svsm do)")
    :format(plan.mode)
end

--- Checks the options of a report. Returns them, and what kavach.measure.start takes if the
--- measurement is to be computed; or nil and a message.
---@param options table
---@param product string
---@return table? options
---@return table|string|nil plan or message
function M.read_options(options, product)
  local read, message = check.test(options_spec(), options, "report")
  if not read then return nil, message end
  local problem = field_problem(read, read.version or M.PRODUCTS[product].version)
    or (read.tcb and tcb_of.problem(product, read.tcb))
  if problem then return nil, problem end
  if not read.measure then return read end
  local plan
  plan, message = plan_launch(read)
  if not plan then return nil, message end
  return read, plan
end

-- ---- fields ------------------------------------------------------------------------------------

local KEY_INFO <const> = { vcek = 0 << 2, vlek = 1 << 2, none = 7 << 2 }
local AUTHOR_KEY_EN <const> = 1
local POLICY <const> = 0x30000     -- SMT allowed, and the bit that is always 1
local PLATFORM_INFO <const> = 0x25 -- SMT, ECC, aliases checked: as most real ones
local PLATFORM_INFO_V2 <const> = 0x01

--- The fields of a report before the caller's own.
local function usual(emulator, options, tcb)
  local about = M.PRODUCTS[emulator.product]
  local version = options.version or about.version
  local bits = snp.tcb_write(emulator.product, tcb)
  local out = {
    version = version, guest_svn = 0, policy = POLICY, vmpl = 0, signature_algo = 1,
    platform_info = version == 2 and PLATFORM_INFO_V2 or PLATFORM_INFO,
    key_info = KEY_INFO[options.key] | (options.author_key_digest and AUTHOR_KEY_EN or 0),
    report_id = snp.random(32), report_id_ma = ("\255"):rep(32),
    current_tcb = bits, reported_tcb = bits, committed_tcb = bits, launch_tcb = bits,
    chip_id = options.key == "vcek" and emulator.chip_id or ("\0"):rep(CHIP_ID_SIZE),
    current_major = 1, current_minor = 55, current_build = 29,
    committed_major = 1, committed_minor = 55, committed_build = 29,
  }
  if version >= 3 then
    out.cpuid_fam_id, out.cpuid_mod_id, out.cpuid_step = table.unpack(about.cpuid)
  end
  return out
end

--- The report that options ask for, without a signature, and its fields.
---@param emulator kavach.Emulator
---@param options table as read_options returns them
---@param tcb table
---@return string bytes
---@return table fields
function M.unsigned(emulator, options, tcb)
  local out = usual(emulator, options, tcb)
  for name in pairs(M.fields()) do
    if options[name] ~= nil then out[name] = options[name] end
  end
  return snp.report_bytes(out), out
end

return M
