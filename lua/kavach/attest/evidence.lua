--- Evidence: a report, the certificates and revocation lists that came with it, and the nonce that
--- it answers; from bytes in any of the forms that such things are handed on in, or from a folder.
---
--- Nothing in evidence is trusted, and nothing is verified here.

local err = require "kavach.err"
local snp = require "kavach.snp"

local M = {}

--- The most bytes of one file, or of one line of JSON.
M.MAX_SIZE = 1 << 20

local REPORT_SIZE <const> = 1184
local PARTS_MAX <const> = 32
local ENOENT <const>, EISDIR <const> = 2, 21

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

-- The bytes of a file, at most one more than MAX_SIZE; or nil, an error and the system's number.
local function slurp(path)
  local file <close>, why, code = io.open(path, "rb")
  if not file then return nil, err.new("io", why, { op = "attest.load" }), code end
  local bytes, message, number = file:read(M.MAX_SIZE + 1)
  if bytes or not number then return bytes or "" end
  return nil, err.new("io", ("%s: %s"):format(path, message), { op = "attest.load" }), number
end

-- snpguest's names; a chain as AMD's key server gives it; configfs-tsm's auxblob.
local CHAINS <const> = {
  "cert_chain", "cert_chain.pem", "cert_chain.der", "chain.pem", "chain.der", "auxblob",
}
local REPORTS <const> = { "report.bin", "outblob", "evidence.json" }

-- Whether the folder has the file: its bytes; false; or nil and an error.
local function member(folder, name)
  local bytes, why, code = slurp(folder.path .. "/" .. name)
  if bytes then
    folder.files[#folder.files + 1] = name
    return bytes
  end
  if code == ENOENT then return false end
  return nil, why
end

local function add(list, more)
  table.move(more, 1, #more, #list + 1, list)
end

-- A file that one certificate is expected in. What it holds goes into the place that the file's
-- name gives it, even if it cannot be read: the verifier then says so.
local function take_certificate(folder, role, bytes)
  local parts = recognise(bytes)
  local list = parts and parts.certificates or {}
  if #list == 0 then
    list = { { role = role, der = bytes } }
  elseif #list == 1 then
    list[1].role = role
  end
  add(folder.certificates, list)
end

local function take_certificates(folder)
  for _, role in ipairs(ROLES) do
    for _, ending in ipairs { ".der", ".pem" } do
      local bytes, why = member(folder, role .. ending)
      if why then return nil, why end
      if bytes then take_certificate(folder, role, bytes) end
    end
  end
  return true
end

-- A file of many parts: added to what the folder has.
local function take_parts(folder, name)
  local bytes, why = member(folder, name)
  if not bytes then return not why or nil, why end
  if bytes == "" then return true end -- an auxblob without certificates
  local parts, message = recognise(bytes)
  if not parts then return nil, err.wrap(message, name) end
  add(folder.certificates, parts.certificates)
  add(folder.crls, parts.crls)
  return true
end

local function take_crls(folder)
  for _, name in ipairs { "crl.der", "crl.pem" } do
    local bytes, why = member(folder, name)
    if why then return nil, why end
    local parts = bytes and recognise(bytes)
    if bytes then add(folder.crls, parts and #parts.crls > 0 and parts.crls or { bytes }) end
  end
  return true
end

local REPORT_FIELDS <const> = {
  "report", "nonce", "made_by", "simulated", "product", "runtime_data", "runtime_hash",
}

local function take_report(folder, name)
  local bytes, why = member(folder, name)
  if not bytes then return nil, why end
  local parts, message = recognise(bytes)
  if not parts then return nil, err.wrap(message, name) end
  if not parts.report then return nil, malformed("%s: there is no report in it", name) end
  if folder.report and folder.report ~= parts.report then
    return nil, err.new("invalid_argument", ("%s has another report than %s"):format(name,
      folder.report_from))
  end
  for _, field in ipairs(REPORT_FIELDS) do
    if parts[field] ~= nil then folder[field] = parts[field] end
  end
  folder.report_from = folder.report_from or name
  add(folder.certificates, parts.certificates)
  add(folder.crls, parts.crls)
  return true
end

local function take_reports(folder)
  for _, name in ipairs(REPORTS) do
    local taken, why = take_report(folder, name)
    if why then return nil, why end
    if taken then break end
  end
  local _, why = take_report(folder, "hcl.bin")
  if why then return nil, why end
  if folder.report then return true end
  return err.fail("io", ("%s: a folder without report.bin, outblob, evidence.json or hcl.bin")
    :format(folder.path), { op = "attest.load" })
end

local function take_chains(folder)
  for _, name in ipairs(CHAINS) do
    local ok, why = take_parts(folder, name)
    if not ok then return nil, why end
  end
  return true
end

local function load_folder(path)
  local folder = {
    path = path, source = path, kind = "folder", encoding = "none", files = {}, certificates = {},
    crls = {},
  }
  for _, take in ipairs { take_reports, take_certificates, take_chains, take_crls } do
    local ok, why = take(folder)
    if not ok then return nil, why end
  end
  return finish(folder)
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
  local bytes, why, code = slurp(path)
  if code == EISDIR then return load_folder(path) end
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
  local bytes, why = slurp(path)
  if not bytes then return nil, why end
  local parts
  parts, why = recognise(bytes)
  if not parts then return nil, err.wrap(why, path) end
  if #parts.certificates + #parts.crls > 0 then return parts end
  return err.fail("invalid_argument", path .. ": there is no certificate in it")
end

--- Evidence in Lua's hands: what `parse` takes, what `parse` and `load` give, or a table with
--- `report` and perhaps `certificates`, `crls` (bytes) and `nonce`.
---@param given string|table
---@return kavach.Evidence?
---@return kavach.Error?
function M.of(given)
  if type(given) == "string" then return M.parse(given) end
  if getmetatable(given) == Evidence then return given end
  local parts = { kind = "table", encoding = "none", certificates = {}, crls = {} }
  for key, value in next, given do parts[key] = value end
  return finish(parts)
end

return M
