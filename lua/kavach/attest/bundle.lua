--- Evidence bundles: a report with what it takes to judge it, as one JSON document.
---
---   {
---     "format": "kavach-evidence",
---     "version": 1,
---     "made_by": "…",                 who put it together
---     "simulated": true,              only if an emulator signed it; says so, proves nothing
---     "nonce": "…",                   optional: 64 bytes in hex, the report_data asked for
---     "product": "Milan",             optional: for reports of version 2, which do not tell
---     "report": "…",                  1184 bytes in base64
---     "certificates": {               optional: DER in base64, by role
---       "vcek" or "vlek": "…", "ask" or "asvk": "…", "ark": "…"
---     },
---     "crl": "…"                      optional: DER in base64
---   }
---
--- Keys that are not of this list are refused, as are other versions, and texts that are not
--- exactly base64 (padded, in one line) or hex.

local err = require "kavach.err"
local json = require "kavach.json"
local roles = require "kavach.attest.roles"
local snp = require "kavach.snp"
local tcb_of = require "kavach.attest.tcb"

local M = {}

M.FORMAT = "kavach-evidence"
M.VERSION = 1

local SIZE_MAX <const> = 1024 * 1024
local REPORT_SIZE <const>, NONCE_SIZE <const> = 1184, 64
local CERTIFICATE_MAX <const>, MADE_BY_MAX <const> = 64 * 1024, 200

---@class kavach.Bundle
---@field made_by string
---@field simulated boolean
---@field nonce string? 64 bytes
---@field product string?
---@field report string 1184 bytes
---@field certificates table<string, string> DER by role
---@field crl string? DER

-- Each reader takes a JSON value and returns ours, or nil and what it must be.

local function read_bytes(decode, encoding)
  return function(value, size, most)
    if type(value) ~= "string" then return nil, "a string of " .. encoding end
    local bytes, message = decode(value)
    if not bytes then return nil, ("%s (%s)"):format(encoding, message) end
    if size and #bytes ~= size then return nil, ("%d bytes, not %d"):format(size, #bytes) end
    if most and (#bytes == 0 or #bytes > most) then return nil, ("1 to %d bytes"):format(most) end
    return bytes
  end
end

local from_base64 = read_bytes(snp.unbase64, "base64")
local from_hex = read_bytes(snp.unhex, "hex")

local function read_made_by(value)
  if type(value) ~= "string" or #value == 0 or #value > MADE_BY_MAX or value:find "%c" then
    return nil, ("a line of 1 to %d bytes"):format(MADE_BY_MAX)
  end
  return value
end

local function read_certificates(value)
  if type(value) ~= "table" or json.is_array(value) then return nil, "an object" end
  local certificates = {}
  for role, text in pairs(value) do
    if not roles.is(role) then
      return nil, ("of vcek, vlek, ask, asvk and ark; it has '%s'"):format(role)
    end
    local der, must = from_base64(text, nil, CERTIFICATE_MAX)
    if not der then return nil, ("such that '%s' is %s"):format(role, must) end
    certificates[role] = der
  end
  return certificates
end

local READERS = {
  format = function(value)
    if value == M.FORMAT then return value end
    return nil, ("'%s'"):format(M.FORMAT)
  end,
  version = function(value)
    if value == M.VERSION then return value end
    return nil, ("%d: this kavach knows no other"):format(M.VERSION)
  end,
  made_by = read_made_by,
  simulated = function(value)
    if type(value) == "boolean" then return value end
    return nil, "true or false"
  end,
  nonce = function(value) return from_hex(value, NONCE_SIZE) end,
  product = function(value)
    if type(value) == "string" and tcb_of.product(value) == value then return value end
    return nil, "Milan, Genoa or Turin"
  end,
  report = function(value) return from_base64(value, REPORT_SIZE) end,
  certificates = read_certificates,
  crl = function(value) return from_base64(value, nil, CERTIFICATE_MAX) end,
}

local REQUIRED <const> = { "format", "version", "made_by", "report" }

local function bad(message)
  return err.fail("invalid_argument", "evidence bundle: " .. message)
end

local function sorted_keys(t)
  local keys = {}
  for key in pairs(t) do keys[#keys + 1] = key end
  table.sort(keys)
  return keys
end

--- Reads a document.
---@param text string
---@return kavach.Bundle?
---@return kavach.Error?
function M.decode(text)
  if #text > SIZE_MAX then return bad(("more than %d bytes"):format(SIZE_MAX)) end
  local document, why = json.decode(text)
  if document == nil then return bad(why.message) end
  if type(document) ~= "table" or json.is_array(document) then return bad "not a JSON object" end
  for _, key in ipairs(REQUIRED) do
    if document[key] == nil then return bad(("'%s' is missing"):format(key)) end
  end
  local bundle = { certificates = {}, simulated = false }
  local keys = sorted_keys(document)
  for _, key in ipairs { "format", "version" } do -- of another format nothing else is meant
    local _, must = READERS[key](document[key])
    if must then return bad(("'%s' must be %s"):format(key, must)) end
  end
  for _, key in ipairs(keys) do
    local reader = READERS[key]
    if not reader then return bad(("unknown key '%s'"):format(key)) end
    local value, must = reader(document[key])
    if must then return bad(("'%s' must be %s"):format(key, must)) end
    bundle[key] = value
  end
  bundle.format, bundle.version = nil, nil
  return bundle
end

--- Writes one, in one line. What decode would refuse is an error here, too.
---@param bundle kavach.Bundle
---@return string?
---@return kavach.Error?
function M.encode(bundle)
  local certificates
  for role, der in pairs(bundle.certificates or {}) do
    certificates = certificates or {}
    certificates[role] = snp.base64(der)
  end
  local text, why = json.encode {
    format = M.FORMAT, version = M.VERSION, made_by = bundle.made_by,
    simulated = bundle.simulated or nil, product = bundle.product,
    nonce = bundle.nonce and snp.hex(bundle.nonce), report = snp.base64(bundle.report),
    certificates = certificates, crl = bundle.crl and snp.base64(bundle.crl),
  }
  if not text then return nil, why end
  local _
  _, why = M.decode(text)
  if why then return nil, why end
  return text
end

return M
