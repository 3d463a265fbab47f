--- What is trusted: AMD's root keys, which are built in; more roots, revocation lists and the
--- platform emulator only if they are asked for. A trust remembers certificates that it has
--- verified, so use one for many reports.

local check = require "kavach.check"
local err = require "kavach.err"
local snp = require "kavach.snp"

local M = {}

---@class kavach.Trust
---@field verifier userdata of kavach.snp
---@field roots table<string, boolean> DER of the roots that were given
---@field emulator boolean whether an emulator's roots are trusted
---@field kept kavach.Kept? where certificates that evidence lacks are looked for
local Trust = { __name = "kavach.Trust" }
Trust.__index = Trust

local function invalid(message, ...)
  return err.fail("invalid_argument", "attest.trust: " .. message:format(...),
    { op = "attest.trust" })
end

--- Whether a certificate says that a platform emulator made it.
---@param der string
---@return boolean
function M.is_simulated(der)
  -- Looked for first: to parse every certificate of every report for this would be slow.
  return der:find("simulated", 1, true) ~= nil and snp.is_simulated(der)
end

-- Certificates or revocation lists as bytes: DER, or PEM with one or more.
local function read(list, field, what)
  local out = {}
  for i, bytes in ipairs(list or {}) do
    local parts, message = snp.recognise(bytes)
    if not parts then return nil, ("%s %d: %s"):format(what, i, message) end
    for _, part in ipairs(parts[field] or {}) do out[#out + 1] = part.der end
    if #parts[field] == 0 then return nil, ("%s %d: there is none in it"):format(what, i) end
  end
  return out
end

local BYTES <const> = { list = "string" }
local OPTIONS <const> = {
  roots = BYTES, crls = BYTES, certificates = BYTES, emulator = { type = "table" },
  cache = { type = { "boolean", "string" }, default = false },
}

local function emulator_roots(emulator)
  if not emulator then return {} end
  return type(emulator.roots) == "function" and emulator:roots() or emulator.roots
end

--- Makes a trust.
---
--- `roots`: certificates (PEM or DER) to trust beside AMD's; an emulator's are refused.
--- `crls`: revocation lists that all evidence is checked against.
--- `certificates`: not trusted, but used where evidence lacks its ASK, ASVK or ARK.
--- `emulator`: what `attest.emulator` gives; its roots are trusted, for simulated evidence.
--- `cache`: true, or its folder: what `kavach certs fetch` kept there is used in the same way, and
--- for a VCEK, too.
---@param options { roots: string[]?, crls: string[]?, certificates: string[]?, emulator: table?,
--- cache: boolean|string|nil }?
---@return kavach.Trust?
---@return kavach.Error?
function M.new(options)
  options = check.table(OPTIONS, options, "attest.trust")
  local roots, why = read(options.roots, "certificates", "root")
  local crls, certificates
  if roots then crls, why = read(options.crls, "crls", "revocation list") end
  if crls then certificates, why = read(options.certificates, "certificates", "certificate") end
  if not certificates then return invalid("%s", why) end
  local self = { roots = {}, emulator = options.emulator ~= nil }
  for i, der in ipairs(roots) do
    if M.is_simulated(der) then
      return invalid("root %d is a platform emulator's: it is trusted only as `emulator`", i)
    end
    self.roots[der] = true
  end
  local emulated = emulator_roots(options.emulator)
  table.move(emulated, 1, #emulated, #roots + 1, roots)
  local verifier, message = snp.verifier { roots = roots, crls = crls, certificates = certificates }
  if not verifier then return invalid("%s", message) end
  self.verifier = verifier
  if options.cache then
    self.kept = require("kavach.attest.kept").new(options.cache ~= true and options.cache or nil)
  end
  return setmetatable(self, Trust)
end

local default

--- AMD's roots, and nothing else.
---@return kavach.Trust
function M.default()
  default = default or assert(M.new())
  return default
end

function M.is(value)
  return getmetatable(value) == Trust
end

-- The ARK that evidence brought, by its place or by what it claims to be.
local function is_given_root(self, certificates)
  for _, certificate in ipairs(certificates) do
    if self.roots[certificate.der] then return true end
  end
  return false
end

--- The certificates to verify evidence with.
---@param evidence kavach.Evidence
---@param product string? what the processor must be
---@param now integer
---@return { role: string, der: string }[]
function Trust:certificates_of(evidence, product, now)
  if not self.kept then return evidence.certificates end
  return self.kept:certificates_of(evidence, product, now)
end

--- Whether evidence is simulated: a certificate or the evidence itself says so, or only the
--- emulator's root vouches for it.
---@param evidence kavach.Evidence
---@param root string? of a verification's result
---@return boolean
function Trust:simulates(evidence, root)
  if evidence.simulated then return true end
  for _, certificate in ipairs(evidence.certificates) do
    if M.is_simulated(certificate.der) then return true end
  end
  return root == "given" and self.emulator and not is_given_root(self, evidence.certificates)
end

return M
