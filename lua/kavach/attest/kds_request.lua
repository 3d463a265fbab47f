--- What is asked of AMD's key server (AMD 57230, chapter 4): its URLs, and the request that a
--- report makes necessary.

local err = require "kavach.err"
local snp = require "kavach.snp"

local M = {}

local CHIP_ID_SIZE <const>, CHIP_ID_SIZE_TURIN <const> = 64, 8

local function invalid(message, ...)
  return err.fail("invalid_argument", message:format(...), { op = "certs.fetch" })
end

-- ---- URLs ------------------------------------------------------------------------------------

--- A server's address, without a slash at its end. Plain http is for mirrors in one's own network.
---@param url string
---@return string?
---@return string? message
function M.server(url)
  if not url:find "^https?://[%w.:%[%]-]+[%w._/-]*$" then
    return nil, ("'%s' is not http(s)://HOST[:PORT][/PATH]"):format(url)
  end
  return (url:gsub("/+$", ""))
end

--- The same for kavach.check.
function M.check_server(url)
  local server = M.server(url)
  if server then return server end
  return nil, "http(s)://HOST[:PORT][/PATH]"
end

local SPLS <const> = {
  { "fmc", "fmcSPL" }, { "boot_loader", "blSPL" }, { "tee", "teeSPL" }, { "snp", "snpSPL" },
  { "microcode", "ucodeSPL" },
}

--- The hardware id of a chip id: all 64 bytes, of Turin the first 8.
function M.hwid_of(request)
  return request.product == "Turin" and request.chip_id:sub(1, CHIP_ID_SIZE_TURIN)
    or request.chip_id
end

--- The address of a VCEK: chip id in lower-case hex, versions in at least two decimal digits.
---@param server string
---@param request kavach.KdsRequest
function M.vcek_url(server, request)
  local query = {}
  for _, spl in ipairs(SPLS) do
    local value = request.tcb[spl[1]]
    if value and (spl[1] ~= "fmc" or request.product == "Turin") then
      query[#query + 1] = ("%s=%02d"):format(spl[2], value)
    end
  end
  return ("%s/vcek/v1/%s/%s?%s"):format(server, request.product, snp.hex(M.hwid_of(request)),
    table.concat(query, "&"))
end

--- The address of the ASK (or, for VLEKs, the ASVK) with the ARK, in PEM.
function M.chain_url(server, product, kind)
  return ("%s/%s/v1/%s/cert_chain"):format(server, kind, product)
end

--- The address of the ARK's revocation list.
function M.crl_url(server, product, kind)
  return ("%s/%s/v1/%s/crl"):format(server, kind, product)
end

-- ---- requests --------------------------------------------------------------------------------

---@class kavach.KdsRequest
---@field product string "Milan", "Genoa" or "Turin"
---@field chip_id string? 64 bytes; without one, no VCEK is asked for
---@field tcb table? of the report's REPORTED_TCB

--- Why there is no asking for a VCEK with this chip id, or nil.
---@param product string
---@param chip_id string
---@return string?
function M.chip_id_problem(product, chip_id)
  if not chip_id:find "[^\0]" then
    return "the chip id is masked (all zero): the key server finds a VCEK by it and cannot be "
      .. "asked; the platform's owner can supply the VCEK, or turn MASK_CHIP_ID off"
  end
  if #chip_id ~= CHIP_ID_SIZE and not (product == "Turin" and #chip_id == CHIP_ID_SIZE_TURIN) then
    return ("a chip id of %s is %s bytes, not %d"):format(product,
      product == "Turin" and "8 or 64" or "64", #chip_id)
  end
  if product == "Turin" and chip_id:find("[^\0]", CHIP_ID_SIZE_TURIN + 1) then
    return "a chip id of Turin has zeros after its first 8 bytes"
  end
end

--- What to ask for a report: of one that a VLEK signed, no VCEK, but `vlek = true`.
---@param report string 1184 bytes
---@param product string? what somebody says it is of
---@param likely string? what it is if neither the report nor anybody says so
---@return table? request
---@return kavach.Error?
function M.request_of(report, product, likely)
  local fields, message, kind = snp.report_parse(report)
  if not fields then return err.fail(kind, message, { op = "certs.fetch" }) end
  if product and fields.product and product ~= fields.product then
    return invalid("the report is of %s, not of %s", fields.product, product)
  end
  product = product or fields.product or likely
  if not product then
    return invalid "the report does not tell its product (version 2 does not): say which it is"
  end
  local signing_key = fields.key_info >> 2 & 7
  if signing_key == 1 then return { product = product, vlek = true } end
  if signing_key ~= 0 then return invalid "the report is not signed by a VCEK or VLEK" end
  local problem = M.chip_id_problem(product, fields.chip_id)
  if problem then return invalid("%s", problem) end
  return { product = product, chip_id = fields.chip_id,
    tcb = snp.tcb_parse(product, fields.reported_tcb) }
end

return M
