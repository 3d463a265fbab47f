--- Whether what a key server sent is what it was asked for. Each function returns nil if so, or
--- what is wrong. It keeps mistakes out of the cache; it is no verification.

local pem = require "kavach.attest.pem"
local snp = require "kavach.snp"
local tcb_of = require "kavach.attest.tcb"

local M = {}

local NAMES = { ark = "ARK-%s", ask = "SEV-%s", asvk = "SEV-VLEK-%s" }

local function hex_or_none(bytes) return bytes and snp.hex(bytes) or "none" end

--- A certificate with these names, of a known form, and not expired.
local function read(der, subject, issuer, key, now)
  local c, message = snp.certificate_parse(der)
  if not c then return nil, message end
  if c.problem then return nil, c.problem end
  if c.subject_cn ~= subject then
    return nil, ("it is of '%s', not of '%s'"):format(c.subject_cn or "?", subject)
  end
  if c.issuer_cn ~= issuer then
    return nil, ("it is by '%s', not by '%s'"):format(c.issuer_cn or "?", issuer)
  end
  if c.key ~= key then return nil, ("its key is %s, not %s"):format(c.key, key) end
  if not c.pss_sha384 then return nil, "it is not signed with RSASSA-PSS and SHA-384" end
  if c.not_after < now then return nil, "it has expired" end
  return c
end

--- A VCEK for this hardware id and TCB.
---@return string? problem
function M.vcek(der, product, hwid, tcb, now)
  local c, problem = read(der, "SEV-VCEK", NAMES.ask:format(product), "EC P-384", now)
  if not c then return problem end
  if c.product ~= product then
    return ("it is for '%s', not %s"):format(c.product_name or "?", product)
  end
  if c.hwid ~= hwid then
    return ("it is for hardware id %s, not %s"):format(hex_or_none(c.hwid), hex_or_none(hwid))
  end
  for _, part in ipairs(tcb_of.parts(product)) do
    if c.tcb[part] ~= tcb[part] then
      return ("it is for %s %s, not %d"):format(part, c.tcb[part] or "?", tcb[part])
    end
  end
end

--- An ARK, or an ASK or ASVK that this ARK signed (if there is one).
---@return string? problem
function M.authority(der, role, product, ark, now)
  local c, problem = read(der, NAMES[role]:format(product), NAMES.ark:format(product), "RSA-4096",
    now)
  if not c then return problem end
  if not snp.signed_by(der, role == "ark" and der or ark or der) then
    return role == "ark" and "it did not sign itself" or "its ARK did not sign it"
  end
end

--- ASK (or ASVK) and then ARK, in PEM.
---@return table<string, string>? chain DER by role
---@return string? problem
function M.chain(text, role, product, now)
  local list, message = pem.decode(text)
  if not list then return nil, message end
  if #list ~= 2 then return nil, ("%d certificates, not 2"):format(#list) end
  local chain = { [role] = list[1].der, ark = list[2].der }
  for _, name in ipairs { "ark", role } do
    local problem = M.authority(chain[name], name, product, chain.ark, now)
    if problem then return nil, ("%s: %s"):format(name:upper(), problem) end
  end
  return chain
end

--- A revocation list by this ARK that holds now.
---@return string? problem
function M.crl(der, product, ark, now)
  local c, message = snp.crl_parse(der)
  if not c then return message end
  if c.problem then return c.problem end
  if c.issuer_cn ~= NAMES.ark:format(product) then
    return ("it is by '%s', not by '%s'"):format(c.issuer_cn or "?", NAMES.ark:format(product))
  end
  if not snp.signed_by(der, ark) then return "its ARK did not sign it" end
  if now < c.this_update then
    return ("its thisUpdate, %s, is yet to come"):format(os.date("!%Y-%m-%dT%H:%M:%SZ",
      c.this_update))
  end
  if now > c.next_update then
    return ("its nextUpdate, %s, is over"):format(os.date("!%Y-%m-%dT%H:%M:%SZ", c.next_update))
  end
end

return M
