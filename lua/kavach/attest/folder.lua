--- Evidence in a folder: a report, and the certificates and revocation lists beside it.

local err = require "kavach.err"

local M = {}

local ENOENT <const> = 2
local ROLES <const> = { "vcek", "vlek", "ask", "asvk", "ark" }

-- snpguest's names; a chain as AMD's key server gives it; configfs-tsm's auxblob.
local CHAINS <const> = {
  "cert_chain", "cert_chain.pem", "cert_chain.der", "chain.pem", "chain.der", "auxblob",
}
local REPORTS <const> = { "report.bin", "outblob", "evidence.json" }

-- Whether the folder has the file: its bytes; false; or nil and an error.
local function member(folder, name)
  local bytes, why, code = folder.from.read(folder.path .. "/" .. name)
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
  local parts = folder.from.recognise(bytes)
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
  local parts, message = folder.from.recognise(bytes)
  if not parts then return nil, err.wrap(message, name) end
  add(folder.certificates, parts.certificates)
  add(folder.crls, parts.crls)
  return true
end

local function take_crls(folder)
  for _, name in ipairs { "crl.der", "crl.pem" } do
    local bytes, why = member(folder, name)
    if why then return nil, why end
    local parts = bytes and folder.from.recognise(bytes)
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
  local parts, message = folder.from.recognise(bytes)
  if not parts then return nil, err.wrap(message, name) end
  if not parts.report then
    return err.fail("invalid_argument", name .. ": there is no report in it")
  end
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

--- Reads a folder's files.
---@param path string
---@param from { read: function, recognise: function } how a file is read, and what its bytes are
---@return table? parts of kavach.Evidence
---@return kavach.Error?
function M.load(path, from)
  local folder = {
    path = path, source = path, kind = "folder", encoding = "none", files = {}, certificates = {},
    crls = {}, from = from,
  }
  for _, take in ipairs { take_reports, take_certificates, take_chains, take_crls } do
    local ok, why = take(folder)
    if not ok then return nil, why end
  end
  folder.from = nil
  return folder
end

return M
