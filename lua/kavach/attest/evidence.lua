--- Evidence: a report, the certificates and revocation lists that came with it, and the nonce that
--- it answers; from bytes in any of the forms that such things are handed on in, or from a folder.
---
--- Nothing in evidence is trusted, and nothing is verified here.

local check = require "kavach.check"
local err = require "kavach.err"
local snp = require "kavach.snp"

local M = {}

--- The most bytes of one file, or of one line of JSON.
M.MAX_SIZE = 1 << 20

local REPORT_SIZE <const> = 1184
local PARTS_MAX <const> = 32
local EISDIR <const> = 21
local PRODUCTS <const> = { Milan = true, Genoa = true, Turin = true }

---@class kavach.Evidence
---@field kind string what it was taken for: "report", "extended report", "JSON bundle", "folder" …
---@field encoding "none"|"hex"|"base64"
---@field source string? where it came from, for people
---@field report string? 1184 bytes
---@field certificates { role: string, der: string }[]
---@field crls string[] DER
---@field nonce string? what a bundle says that it answers
---@field made_by string?
---@field simulated boolean? what a bundle says of itself
---@field product string? what it says that it comes from
---@field runtime_data string? Azure: `report_data` is a hash of it
---@field runtime_hash string?
---@field files string[]? of a folder: what was read
local Evidence = { __name = "kavach.Evidence" }
Evidence.__index = Evidence
M.class = Evidence -- by which the prompt knows its objects

function Evidence:__tostring()
  local words = { self.kind }
  if self.encoding ~= "none" then table.insert(words, 1, self.encoding) end
  if self.files then words[#words + 1] = "(" .. table.concat(self.files, " ") .. ")" end
  return table.concat(words, " ")
end

local function malformed(message, ...)
  return err.fail("invalid_argument", message:format(...), { op = "attest.parse" })
end

-- ---- bytes -------------------------------------------------------------------------------------

-- A report of a version that is not known is still one: the verifier says which it is.
local function raw_report(bytes)
  return { kind = "report", encoding = "none", report = bytes, certificates = {}, crls = {} }
end

local ROLES <const> = { "vcek", "vlek", "ask", "asvk", "ark" }

local function take_bundle(text)
  local bundle, why = require("kavach.attest.bundle").decode(text)
  if not bundle then return nil, why end
  local certificates = {}
  for _, role in ipairs(ROLES) do
    local der = bundle.certificates[role]
    if der then certificates[#certificates + 1] = { role = role, der = der } end
  end
  bundle.certificates, bundle.crls, bundle.crl = certificates, { bundle.crl }, nil
  bundle.kind, bundle.encoding = "JSON bundle", "none"
  return bundle
end

-- What one blob of bytes holds, without a demand on what must be in it.
local function recognise(bytes)
  if #bytes > M.MAX_SIZE then
    return malformed("too large: more than %d bytes", M.MAX_SIZE)
  end
  local parts, message = snp.recognise(bytes)
  if not parts then
    if #bytes == REPORT_SIZE then return raw_report(bytes) end
    return malformed("%s", message)
  end
  if parts.kind == "JSON" then return take_bundle(bytes) end
  for i, part in ipairs(parts.crls) do parts.crls[i] = part.der end
  return parts
end

local function finish(parts)
  if not parts.report then return malformed("there is no report in it: it is %s", parts.kind) end
  if parts.product and not PRODUCTS[parts.product] then
    return malformed("it says that it is of a %s, which is not supported", parts.product)
  end
  if #parts.certificates > PARTS_MAX or #parts.crls > PARTS_MAX then
    return malformed("more than %d certificates or revocation lists", PARTS_MAX)
  end
  return setmetatable(parts, Evidence)
end

--- Reads evidence: a report as bytes, hex or base64; with a certificate table behind it; a response
--- of /dev/sev-guest; Azure's HCL blob; or a JSON bundle.
---@param bytes string
---@return kavach.Evidence?
---@return kavach.Error?
function M.parse(bytes)
  if type(bytes) ~= "string" then
    error(("attest.parse: bytes must be a string, got a %s"):format(type(bytes)), 2)
  end
  local parts, why = recognise(bytes)
  if not parts then return nil, why end
  return finish(parts)
end

-- ---- files -------------------------------------------------------------------------------------

--- The bytes of a file, or more than MAX_SIZE of them; or nil, an error and the system's number.
---@param path string
---@return string?
---@return kavach.Error?
---@return integer?
function M.read(path)
  -- Here and not above: what only parses works without kavach.core.
  local bytes, why, code = require("kavach.file").read(path, M.MAX_SIZE)
  if bytes then return bytes end
  return nil, err.new("io", why, { op = "attest.load" }), code
end

--- Reads evidence from a file (as `parse`) or a folder: report.bin, and certificates as snpguest
--- names them (ark.pem, ask.pem, asvk.pem, vcek.pem, vlek.pem; or .der), crl.der, hcl.bin, or one
--- chain file (cert_chain.pem). An error of kind `io` means that it could not be read at all.
---@param path string
---@return kavach.Evidence?
---@return kavach.Error?
function M.load(path)
  if type(path) ~= "string" then
    error(("attest.load: path must be a string, got a %s"):format(type(path)), 2)
  end
  local bytes, why, code = M.read(path)
  if code == EISDIR then
    local parts
    local folder = require "kavach.attest.folder"
    parts, why = folder.load(path, { read = M.read, recognise = recognise })
    if not parts then return nil, why end
    return finish(parts)
  end
  if not bytes then return nil, why end
  local evidence
  evidence, why = M.parse(bytes)
  if not evidence then return nil, err.wrap(why, path) end
  evidence.source = path
  return evidence
end

--- The certificates and revocation lists of a file (PEM, DER, one or many; a certificate table).
---@param path string
---@return { certificates: { role: string, der: string }[], crls: string[] }?
---@return kavach.Error?
function M.load_certificates(path)
  local bytes, why = M.read(path)
  if not bytes then return nil, why end
  local parts
  parts, why = recognise(bytes)
  if not parts then return nil, err.wrap(why, path) end
  if #parts.certificates + #parts.crls > 0 then return parts end
  return err.fail("invalid_argument", path .. ": there is no certificate in it")
end

local BYTES <const> = { list = "string", default = {} }
local TABLE <const> = {
  report = { type = "string", required = true }, crls = BYTES,
  certificates = {
    list = { fields = { der = { type = "string", required = true }, role = "string" } },
    default = {},
  },
  nonce = "string", made_by = "string", source = "string", simulated = "boolean",
  product = { type = "string", fn = function(name)
    return require("kavach.attest.tcb").check_product(name)
  end },
  runtime_data = "string", runtime_hash = { enum = { "sha256", "sha384", "sha512" } },
}

--- Evidence in Lua's hands: what `parse` takes, what `parse` and `load` give, or a table with
--- `report` and perhaps `certificates` ({ role =, der = } each), `crls` (bytes) and `nonce`.
---@param given string|table
---@return kavach.Evidence?
---@return kavach.Error?
function M.of(given)
  if type(given) == "string" then return M.parse(given) end
  if getmetatable(given) == Evidence then return given end
  local checked = check.table(TABLE, given, "evidence", 3)
  checked.kind, checked.encoding = "table", "none"
  return finish(checked)
end

return M
