--- A report as nine claims in JSON: the form that the first kavach wrote. `policy` is a number,
--- bytes are hex, and `signature` is an array of the 512 bytes from 0x2a0. A structural check is
--- all that can be made of it: what the processor signed is not all there.

local check = require "kavach.check"
local json = require "kavach.json"
local snp = require "kavach.snp"

local M = {}

M.MAX_SIZE = 1 << 20
local MEASUREMENT_DIGITS <const>, REPORT_ID_DIGITS <const>, SIGNATURE_MIN <const> = 96, 64, 96
local HEX <const> = { "measurement", "host_data", "id_key_digest", "report_id" }

local UINT32 <const> = { type = "integer", min = 0, max = 0xffffffff, required = true }
local TEXT <const> = { type = "string", required = true }

local CLAIMS <const> = {
  report_version = UINT32, guest_svn = UINT32, vmpl = UINT32,
  policy = { type = "integer", min = 0, required = true },
  measurement = TEXT, host_data = TEXT, id_key_digest = TEXT, report_id = TEXT,
  signature = { list = { type = "integer", min = 0, max = 255 }, required = true },
}

--- The claims of a JSON text, or nil and a message.
---@param text string
---@return table?
---@return string?
function M.read(text)
  if #text > M.MAX_SIZE then
    return nil, ("a report of %d bytes of JSON; at most %d are taken"):format(#text, M.MAX_SIZE)
  end
  local document, e = json.decode(text)
  if e then return nil, tostring(e) end
  if type(document) ~= "table" or json.is_array(document) then
    return nil, "a report in JSON is an object"
  end
  return check.test(CLAIMS, document, "report")
end

--- The claims of a report's fields.
---@param fields table as of snp.report_parse
---@return table
function M.of(fields)
  local claims = {
    report_version = fields.version, guest_svn = fields.guest_svn, policy = fields.policy,
    vmpl = fields.vmpl, signature = json.array { fields.signature:byte(1, -1) },
  }
  for _, name in ipairs(HEX) do claims[name] = snp.hex(fields[name]) end
  return claims
end

--- The fields that the claims have. Text that is no hex has no bytes.
---@param claims table
---@return table
function M.fields(claims)
  local bytes = {}
  for i, byte in ipairs(claims.signature) do bytes[i] = string.char(byte) end
  local fields = {
    version = claims.report_version, guest_svn = claims.guest_svn, policy = claims.policy,
    vmpl = claims.vmpl, signature = table.concat(bytes),
  }
  for _, name in ipairs(HEX) do fields[name] = snp.unhex(claims[name]) end
  return fields
end

--- The JSON text of claims, or nil and an error.
---@param claims table
---@return string?
---@return kavach.Error?
function M.write(claims)
  local out = {}
  for name in next, CLAIMS do out[name] = claims[name] end
  out.signature = json.array(table.move(claims.signature, 1, #claims.signature, 1, {}))
  return json.encode(out)
end

local function must_be_hex(must, claims, name, count)
  local text = claims[name]
  local all_hex = text:find "^%x*$" ~= nil
  must(#text == count and all_hex, "%s must be %d hex digits, is %d characters%s", name, count,
    #text, all_hex and "" or ", not all of them hex")
end

--- What of the structural check is about VMPL: a list of what is wrong, empty if nothing is.
---@param vmpl integer
---@return string[]
function M.vmpl_problem(vmpl)
  return vmpl == 0 and {} or { ("vmpl must be 0, is %d"):format(vmpl) }
end

--- The structural check: a list of what is wrong, empty if nothing is.
---@param claims table
---@return string[]
function M.problems(claims)
  local found = {}
  local function must(holds, text, ...)
    if not holds then found[#found + 1] = text:format(...) end
  end
  must_be_hex(must, claims, "measurement", MEASUREMENT_DIGITS)
  must_be_hex(must, claims, "report_id", REPORT_ID_DIGITS)
  must(#claims.signature >= SIGNATURE_MIN,
    "signature must be at least %d bytes, is %d", SIGNATURE_MIN, #claims.signature)
  table.move(M.vmpl_problem(claims.vmpl), 1, 1, #found + 1, found)
  return found
end

return M
