--- The platform emulator: a directory with keys and certificates that stand in for a processor's
--- and for AMD's, and reports signed with them. Real formats; every certificate says "simulated",
--- and nothing accepts one unless it is told to trust this very directory.
---
---   local platform = assert(emulator.init { dir = "platform", product = "milan" })
---   local bundle = assert(emulator.open "platform":report { report_data = nonce,
---     measure = { ovmf = "OVMF.fd", vcpus = 4, vcpu_type = "EPYC-v4" } })

local bundle = require "kavach.attest.bundle"
local check = require "kavach.check"
local core = require "kavach.core"
local err = require "kavach.err"
local files = require "kavach.attest.emulator_files"
local keys_of = require "kavach.attest.emulator_keys"
local report_of = require "kavach.attest.emulator_report"
local roles = require "kavach.attest.roles"
local snp = require "kavach.snp"
local tcb_of = require "kavach.attest.tcb"

local M = {}

local DAY <const> = 24 * 3600
local CHIP_ID_SIZE <const>, CHIP_ID_SIZE_TURIN <const> = 64, 8
local LAST_TIME <const> = keys_of.LAST_TIME
local MASK_CHIP_KEY <const> = 2

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

local function check_keys(keys)
  for role in pairs(keys) do
    if not roles.is(role) then return nil, "PEM by role: " .. table.concat(roles.ALL, ", ") end
  end
  return keys
end

--- Why a VLEK cannot name such a cloud provider, or nil.
---@param text string
---@return string?
function M.csp_id_problem(text)
  if #text > 0 and #text <= 127 and not text:find "[^ -~]" then return nil end
  return "1 to 127 printable ASCII characters"
end

local function check_csp_id(text)
  local problem = M.csp_id_problem(text)
  if problem then return nil, problem end
  return text
end

local INIT <const> = {
  dir = { type = "string", required = true },
  product = { type = "string", default = "milan", fn = tcb_of.check_product },
  chip_id = { type = "string" }, -- 64 bytes; of Turin, 8
  csp_id = { type = "string", default = "CN=simulated.invalid", fn = check_csp_id },
  tcb = { type = "table" },
  not_before = { type = "integer", min = 0, max = LAST_TIME }, -- default: now
  keys = { map = "string", fn = check_keys, default = {} },
  progress = { type = "function" }, -- (done, all, role)
}

--- Why a product can have no such chip id, or nil.
---@param product string
---@param id string
---@return string?
function M.chip_id_problem(product, id)
  local size = product == "Turin" and CHIP_ID_SIZE_TURIN or CHIP_ID_SIZE
  if #id ~= size then return ("%d bytes on %s, not %d"):format(size, product, #id) end
  if not id:find "[^\0]" then return "all zero is what a masked one looks like" end
end

--- A chip id in 64 bytes, random unless one is given.
local function full_chip_id(product, given)
  local id = given or snp.random(product == "Turin" and CHIP_ID_SIZE_TURIN or CHIP_ID_SIZE)
  return id .. ("\0"):rep(CHIP_ID_SIZE - #id)
end

-- Checks options of init, all but the directory.
local function check_options(options)
  local product = options.product
  local tcb = options.tcb or report_of.PRODUCTS[product].tcb
  local problem = tcb_of.problem(product, tcb)
    or options.chip_id and M.chip_id_problem(product, options.chip_id)
  if problem then
    error(("emulator.init: %s%s"):format(problem:find "^tcb" and "" or "chip_id: ", problem), 3)
  end
  return tcb
end

-- One with all its keys and certificates, which is in no directory yet.
local function make(options, tcb)
  local product = options.product
  local self = setmetatable({
    dir = options.dir, product = product, simulated = true, tcb = tcb,
    chip_id = full_chip_id(product, options.chip_id), csp_id = options.csp_id,
    not_before = options.not_before or os.time(), certificates = {},
  }, Emulator)
  local why
  self.keys, why = keys_of.all(options.keys, options.progress)
  if not self.keys then return nil, why end
  for _, role in ipairs(roles.ALL) do
    self.certificates[role], why = keys_of.certificate(self, role, self.keys[role], tcb)
    if not self.certificates[role] then return nil, why end
  end
  return self
end

--- Makes an emulator in a directory that is new or empty: `product`, `chip_id` (random), `tcb`,
--- `csp_id` (what the VLEK names), `not_before` (when its certificates begin), and `keys` of
--- one's own by role, as for several chips under one ARK; the others are made.
---@param options table
---@return kavach.Emulator?
---@return kavach.Error?
function M.init(options)
  options = check.table(INIT, options, "emulator.init", 2)
  local tcb = check_options(options)
  local ok, why = files.check_free(options.dir)
  local self
  if ok then self, why = make(options, tcb) end
  if self then ok, why = files.save(self) end
  if not self or not ok then return nil, why end
  return self
end

--- One that is in no directory and ends with the process: for tests. Options as of init.
---@param options table
---@return kavach.Emulator?
---@return kavach.Error?
function M.passing(options)
  local all = { dir = "" }
  for key, value in next, options do all[key] = value end
  all = check.table(INIT, all, "emulator.passing", 2)
  local tcb = check_options(all)
  return make(all, tcb)
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

--- The key and certificate for a TCB: the emulator's own, or new ones, since the hardware has a key
--- for each.
local function signer(self, role, tcb)
  if tcb_of.equal(self.product, tcb, self.tcb) then
    return self.keys[role], self.certificates[role]
  end
  local key, why = keys_of.key(role)
  if not key then return nil, why end
  local der
  der, why = keys_of.certificate(self, role, key, tcb)
  if not der then return nil, why end
  return key, der
end

local function as_bundle(self, options, report, leaf)
  local authority = roles.ISSUER[options.key]
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

--- The report that checked options ask for, signed unless nothing is to sign it.
local function make_report(self, options)
  local tcb = options.tcb or self.tcb
  local report, fields = report_of.unsigned(self, options, tcb)
  if options.key == "none" then return as_bundle(self, options, report) end
  local key, leaf = signer(self, options.key, tcb)
  if not key then return nil, leaf end
  if fields.key_info & MASK_CHIP_KEY == 0 then
    local message, kind
    report, message, kind = snp.emulate_sign(report, key)
    if not report then return err.fail(kind, message) end
  end
  return as_bundle(self, options, report, leaf)
end

--- A signed report with its certificates: see kavach.attest.bundle. `options`: `report_data` (64
--- bytes); `key` ("vcek", "vlek", or "none" for a report that is not signed); `tcb`; `measure`, a
--- launch as kavach.measure takes it, whose digest is the measurement (zeros without it and without
--- `measurement`); and any field of a report by its name, whose value is taken as it is. Where
--- MASK_CHIP_KEY is set, zeros stand in place of the signature.
---@param options table
---@return kavach.Bundle?
---@return kavach.Error?
function Emulator:report(options)
  local read, plan = report_of.read_options(options, self.product)
  if not read then error("emulator:report: " .. plan:gsub("^report: ", ""), 2) end
  if plan then
    local measured, why = require("kavach.measure").start(plan)
    if not measured then return nil, why end
    read.measurement = measured.digest
  end
  return make_report(self, read)
end

--- The same as a JSON document.
---@param options table
---@return string?
---@return kavach.Error?
function Emulator:evidence(options)
  local made, why = self:report(options)
  if not made then return nil, why end
  return bundle.encode(made)
end

-- ---- trust -----------------------------------------------------------------------------------

local CRL <const> = {
  revoked = { list = { enum = { "ask", "asvk" } }, default = {} },
  this_update = { type = "integer", min = 0, max = LAST_TIME },
  next_update = { type = "integer", min = 0, max = LAST_TIME },
  number = { type = "integer", min = 0, default = 1 },
}

--- A revocation list by the ARK, in DER: for 50 days from when the emulator was made, unless told
--- otherwise (`this_update`, `next_update`). `revoked` names roles; `number` is its own.
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
    this_update = from,
    next_update = options.next_update or math.min(from + 50 * DAY, LAST_TIME),
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
