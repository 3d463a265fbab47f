--- The platform emulator: a directory with keys and certificates that stand in for a processor's
--- and for AMD's, and reports signed with them. Real formats; every certificate says "simulated",
--- and nothing accepts one unless it is told to trust this very directory.
---
---   local platform = assert(emulator.init { dir = "platform", product = "milan" })
---   local bundle = assert(emulator.open "platform":report { report_data = nonce })

local bundle = require "kavach.attest.bundle"
local check = require "kavach.check"
local core = require "kavach.core"
local err = require "kavach.err"
local files = require "kavach.attest.emulator_files"
local snp = require "kavach.snp"
local task = require "kavach.task"
local tcb_of = require "kavach.attest.tcb"

local M = {}

local ROLES <const> = { "ark", "ask", "asvk", "vcek", "vlek" }
local DAY <const> = 24 * 3600
-- Lifetimes as AMD's: 25 years for authorities, 7 for a VCEK, 1 for a VLEK.
local DAYS = { ark = 9131, ask = 9131, asvk = 9131, vcek = 2557, vlek = 365 }
local ISSUERS = { ask = "ark", asvk = "ark", vcek = "ask", vlek = "asvk" }
local CHIP_ID_SIZE <const>, CHIP_ID_SIZE_TURIN <const> = 64, 8
local LAST_TIME <const> = 253402300799 -- 9999-12-31, the last that X.509 can say

-- What each product is like unless told otherwise: CPUID family, model, stepping; firmware.
local PRODUCTS = {
  Milan = { cpuid = { 0x19, 0x01, 1 }, version = 3,
    tcb = { boot_loader = 4, tee = 0, snp = 24, microcode = 219 } },
  Genoa = { cpuid = { 0x19, 0x11, 1 }, version = 3,
    tcb = { boot_loader = 10, tee = 0, snp = 23, microcode = 84 } },
  Turin = { cpuid = { 0x1a, 0x02, 1 }, version = 5,
    tcb = { fmc = 1, boot_loader = 1, tee = 1, snp = 4, microcode = 81 } },
}

---@class kavach.Emulator
---@field dir string
---@field product string "Milan", "Genoa" or "Turin"
---@field simulated boolean always true
---@field tcb table what its VCEK and VLEK are for
---@field chip_id string 64 bytes
---@field csp_id string
---@field not_before integer seconds since 1970
---@field certificates table<string, string> DER by role
---@field keys table<string, string> PEM by role
local Emulator = {}
Emulator.__index = Emulator
Emulator.__name = "kavach.Emulator"

-- ---- making one ------------------------------------------------------------------------------

--- A VCEK's or VLEK's certificate for a TCB; an authority's without one.
local function make_certificate(self, role, key, tcb)
  local issuer = ISSUERS[role]
  local der, message, kind = snp.emulate_certificate {
    role = role, product = self.product, key = key,
    issuer = issuer and self.certificates[issuer], issuer_key = issuer and self.keys[issuer],
    not_before = self.not_before,
    not_after = math.min(self.not_before + DAYS[role] * DAY, LAST_TIME),
    tcb = tcb and snp.tcb_write(self.product, tcb), chip_id = self.chip_id, csp_id = self.csp_id,
  }
  if not der then return err.fail(kind, message) end
  return der
end

--- Makes a key of each role, on the thread pool.
local function make_keys(progress)
  local keys, done = {}, 0
  local made = task.map(ROLES, {}, function(role)
    local job = snp.emulate_key(role)
    task.wait(function(finish) core.work(job:work(), job, finish) end)
    done = done + 1
    if progress then progress(done, #ROLES, role) end
    return { job:result() }
  end)
  for i, role in ipairs(ROLES) do
    if not made[i][1] then return err.fail(made[i][3], made[i][2]) end
    keys[role] = made[i][1]
  end
  return keys
end

local function bytes_of(size)
  return function(value)
    if type(value) == "string" and #value == size then return value end
    return nil, ("%d bytes"):format(size)
  end
end

local INIT = {
  dir = { type = "string", required = true },
  product = { type = "string", default = "milan", fn = tcb_of.check_product },
  chip_id = { type = "string" }, -- 64 bytes; of Turin, 8
  csp_id = { type = "string", default = "CN=simulated.invalid" },
  tcb = { type = "table" },
  not_before = { type = "integer", min = 0, max = LAST_TIME }, -- default: now
  progress = { type = "function" },                            -- (done, all, role)
}

--- A chip id in 64 bytes, random unless one is given.
local function full_chip_id(product, given)
  local size = product == "Turin" and CHIP_ID_SIZE_TURIN or CHIP_ID_SIZE
  local id = given or snp.random(size)
  if #id ~= size then return nil, ("chip_id: %d bytes on %s, not %d"):format(size, product, #id) end
  if not id:find "[^\0]" then return nil, "chip_id: all zero is what a masked one looks like" end
  return id .. ("\0"):rep(CHIP_ID_SIZE - size)
end

--- Makes an emulator in a directory, which must not have one.
---@param options table
---@return kavach.Emulator?
---@return kavach.Error?
function M.init(options)
  options = check.table(INIT, options, "emulator.init", 2)
  local product = options.product
  local chip_id, message = full_chip_id(product, options.chip_id)
  if not chip_id then error("emulator.init: " .. message, 2) end
  local tcb = options.tcb or PRODUCTS[product].tcb
  snp.tcb_write(product, tcb) -- raises if it does not fit
  local ok, why = files.prepare(options.dir)
  if not ok then return nil, why end
  local self = setmetatable({
    dir = options.dir, product = product, simulated = true, tcb = tcb, chip_id = chip_id,
    csp_id = options.csp_id, not_before = options.not_before or os.time(), certificates = {},
  }, Emulator)
  self.keys, why = make_keys(options.progress)
  if not self.keys then return nil, why end
  for _, role in ipairs(ROLES) do
    local tcb_for = (role == "vcek" or role == "vlek") and tcb or nil
    self.certificates[role], why = make_certificate(self, role, self.keys[role], tcb_for)
    if not self.certificates[role] then return nil, why end
  end
  ok, why = files.save(self)
  if not ok then return nil, why end
  return self
end

--- The emulator that init made there.
---@param dir string
---@return kavach.Emulator?
---@return kavach.Error?
function M.open(dir)
  if type(dir) ~= "string" then error("emulator: a directory is needed, not a " .. type(dir), 2) end
  local self, why = files.load(dir)
  if not self then return nil, why end
  return setmetatable(self, Emulator)
end

-- ---- reports ---------------------------------------------------------------------------------

--- What the options of a report may be: the emulator's own, and every field of the format but what
--- signing writes.
local function report_options()
  local spec = {
    key = { enum = { "vcek", "vlek", "none" }, default = "vcek" },
    tcb = { type = "table" }, -- what all four TCBs are, and what the certificate is for
    made_by = { type = "string" },
  }
  for _, field in ipairs(snp.report_fields()) do
    if not field.name:find "^signature_[rs]$" then
      spec[field.name] = field.number and { type = "integer" }
        or { type = "string", fn = bytes_of(field.size) }
    end
  end
  spec.version = { type = "integer", min = 2, max = 5 }
  spec.report_data.required = true
  return spec
end

local KEY_INFO = { vcek = 0 << 2, vlek = 1 << 2, none = 7 << 2 }
local AUTHOR_KEY_EN <const>, MASK_CHIP_KEY <const> = 1, 2
local POLICY <const> = 0x30000     -- SMT allowed, and the bit that is always 1
local PLATFORM_INFO <const> = 0x25 -- SMT, ECC, aliases checked: as most real ones
local PLATFORM_INFO_V2 <const> = 0x01

--- The fields of a report before the caller's own.
local function usual_fields(self, options, tcb)
  local about = PRODUCTS[self.product]
  local version = options.version or about.version
  local bits = snp.tcb_write(self.product, tcb)
  local fields = {
    version = version, guest_svn = 0, policy = POLICY, vmpl = 0, signature_algo = 1,
    platform_info = version == 2 and PLATFORM_INFO_V2 or PLATFORM_INFO,
    key_info = KEY_INFO[options.key] | (options.author_key_digest and AUTHOR_KEY_EN or 0),
    report_id = snp.random(32), report_id_ma = ("\255"):rep(32),
    current_tcb = bits, reported_tcb = bits, committed_tcb = bits, launch_tcb = bits,
    chip_id = options.key == "vcek" and self.chip_id or ("\0"):rep(CHIP_ID_SIZE),
    current_major = 1, current_minor = 55, current_build = 29,
    committed_major = 1, committed_minor = 55, committed_build = 29,
  }
  if version >= 3 then
    fields.cpuid_fam_id, fields.cpuid_mod_id, fields.cpuid_step = table.unpack(about.cpuid)
  end
  return fields
end

--- The key and certificate for a TCB: the emulator's own, or new ones, since the hardware has a key
--- for each.
local function signer(self, role, tcb)
  if tcb_of.equal(self.product, tcb, self.tcb) then
    return self.keys[role], self.certificates[role]
  end
  local key, message, kind = snp.emulate_key(role):result()
  if not key then return nil, err.new(kind, message) end
  local der, why = make_certificate(self, role, key, tcb)
  if not der then return nil, why end
  return key, der
end

local function as_bundle(self, options, report, leaf)
  local authority = ISSUERS[options.key]
  local certificates = { ark = self.certificates.ark }
  if authority then
    certificates[authority] = self.certificates[authority]
    certificates[options.key] = leaf
  end
  return {
    made_by = options.made_by or ("kavach %s, platform emulator (simulated)"):format(core.version),
    simulated = true, nonce = options.report_data, report = report, certificates = certificates,
    product = options.version == 2 and self.product or nil,
  }
end

--- A signed report with its certificates: see kavach.attest.bundle. `options`: `report_data` (64
--- bytes), `key` ("vcek", "vlek", or "none" for a report that is not signed), `tcb`, and any field
--- of a report by its name, whose value is taken as it is. Where MASK_CHIP_KEY is set, zeros stand
--- in place of the signature.
---@param options table
---@return kavach.Bundle?
---@return kavach.Error?
function Emulator:report(options)
  options = check.table(report_options(), options, "emulator:report", 2)
  local tcb = options.tcb or self.tcb
  local fields = usual_fields(self, options, tcb)
  for name, value in pairs(options) do
    if name ~= "key" and name ~= "tcb" and name ~= "made_by" then fields[name] = value end
  end
  local report = snp.report_bytes(fields)
  local leaf
  if options.key ~= "none" then
    local key, message, kind
    key, leaf = signer(self, options.key, tcb)
    if not key then return nil, leaf end
    if fields.key_info & MASK_CHIP_KEY == 0 then
      report, message, kind = snp.emulate_sign(report, key)
      if not report then return err.fail(kind, message) end
    end
  end
  return as_bundle(self, options, report, leaf)
end

--- The same as a JSON document.
---@return string?
---@return kavach.Error?
function Emulator:evidence(options)
  local made, why = self:report(options)
  if not made then return nil, why end
  return bundle.encode(made)
end

-- ---- trust -----------------------------------------------------------------------------------

local CRL = {
  revoked = { list = { enum = { "ask", "asvk" } }, default = {} },
  this_update = { type = "integer", min = 0, max = LAST_TIME },
  next_update = { type = "integer", min = 0, max = LAST_TIME },
  number = { type = "integer", min = 0, default = 1 },
}

--- A revocation list by the ARK, in DER: for 50 days from when the emulator was made, unless told
--- otherwise. `revoked` names roles.
---@param options table?
---@return string?
---@return kavach.Error?
function Emulator:crl(options)
  options = check.table(CRL, options or {}, "emulator:crl", 2)
  local revoked = {}
  for i, role in ipairs(options.revoked) do revoked[i] = self.certificates[role] end
  local from = options.this_update or self.not_before
  local der, message, kind = snp.emulate_crl {
    ark = self.certificates.ark, key = self.keys.ark, revoked = revoked, number = options.number,
    this_update = from, next_update = options.next_update or from + 50 * DAY,
  }
  if not der then return err.fail(kind, message) end
  return der
end

--- The roots (DER) that a verifier must be given to believe this emulator: for `attest.trust`, as
--- its `emulator`.
---@return string[]
function Emulator:roots()
  return { self.certificates.ark }
end

return setmetatable(M, { __call = function(_, dir) return M.open(dir) end })
