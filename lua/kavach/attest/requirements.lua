--- What a policy may require of evidence: the names, and what their values may be. A requirement
--- that is not there is not made; `genuine`, `simulated` and `consistent` are there unless the
--- policy says otherwise.
---
---   genuine       true: every check of authenticity passes
---   simulated     "forbidden" or "allowed": evidence of a platform emulator, which must be trusted
---   consistent    true: the report has nothing that no firmware reports: a reported TCB above the
---                 committed, a committed or a launch TCB or a committed version above the current,
---                 reserved bits in the guest policy
---   signed_by     "vcek" or "vlek"
---   csp_id        text, or a list: the cloud provider of a VLEK
---   chip_id, measurement, host_data, id_key_digest, author_key_digest, family_id, image_id
---                 bytes or hex, or a list
---   masked_chip_id  "forbidden": of a VCEK's report; or "allowed"
---   report_data   "nonce", or bytes or hex, or a list
---   crl           "required": a revocation list that is good now
---   vmpl          { max = 0 to 3 }; guest_svn: { min = }
---   guest_policy  bits by name, true: set, false: clear; min_abi = "1.55"; required_bits = mask
---   platform      bits of PLATFORM_INFO by name; unknown_bits = "forbidden"
---   tcb           floors of the reported and the committed TCB: { snp = { min = 22 } … }, of every
---                 product, or under Milan, Genoa, Turin; a product that is not there is refused
---   launch_tcb    the same of the launch TCB
---   provisional   "forbidden": firmware that runs and is not committed; or "allowed"
---   mitigations   { launch = mask, current = mask }: bits that must be set
---
--- A mask is an integer, or text such as "0x30000".

local check = require "kavach.check"
local snp = require "kavach.snp"

local M = {}

local UINT32_MAX <const> = 0xffffffff
local CSP_ID_MAX <const> = 128

-- ---- bytes: as they are, or in hex -------------------------------------------------------------

--- The bytes of `value`, which has `size` of them or twice as many hex digits; else nil, and what
--- it must be.
---@param value any
---@param size integer
---@return string?
---@return string? must_be
function M.bytes(value, size)
  if type(value) == "string" and #value == size then return value end
  local bytes = type(value) == "string" and #value == 2 * size and snp.unhex(value)
  if bytes then return bytes end
  return nil, ("%d bytes, or %d hex digits"):format(size, 2 * size)
end

-- One, or a list of those that are allowed: kept as a list.
local function one_of(read)
  return { type = { "string", "table" }, fn = function(value)
    local list = type(value) == "table" and value or { value }
    local out = {}
    for i = 1, #list do
      local kept, must = read(list[i])
      if kept == nil then return nil, must end
      out[i] = kept
    end
    if #out == 0 then return nil, "one, or a list with at least one" end
    return out
  end }
end

local function digest(size)
  return one_of(function(value) return M.bytes(value, size) end)
end

local function csp_id(value)
  if type(value) == "string" and #value > 0 and #value <= CSP_ID_MAX then return value end
  return nil, ("text of 1 to %d bytes"):format(CSP_ID_MAX)
end

-- ---- versions ----------------------------------------------------------------------------------

-- "1.55", as { 1, 55 }.
local function abi_version(value)
  local major, minor = tostring(value):match "^(%d%d?%d?)%.(%d%d?%d?)$"
  major, minor = tonumber(major), tonumber(minor)
  if major and major <= 255 and minor <= 255 then return { major, minor } end
  return nil, "a version such as '1.55', each part 0 to 255"
end

local MIN <const> = { fields = { min = { type = "integer", min = 0, max = 255, required = true } } }

-- Floors of a TCB's components, for every product and for one.
local function floors()
  local generic, turin = {}, { fmc = MIN }
  for _, part in ipairs { "boot_loader", "tee", "snp", "microcode" } do
    generic[part], turin[part] = MIN, MIN
  end
  local all = { Milan = { fields = generic }, Genoa = { fields = generic },
    Turin = { fields = turin } }
  for part, rule in next, turin do all[part] = rule end
  return { fields = all }
end

-- ---- bits --------------------------------------------------------------------------------------

-- 64 bits as an integer, or as text: JSON has no hex.
local function mask(value)
  if math.type(value) == "integer" then return value end
  local digits = type(value) == "string" and value:match "^0[xX](%x+)$"
  if digits and #digits <= 16 then return math.tointeger(tonumber(value)) end
  return nil, "an integer, or '0x' and up to 16 hex digits"
end

local MASK <const> = { type = { "integer", "string" }, fn = mask }

-- Each may be demanded (true) or forbidden (false).
local function guest_policy_fields()
  local fields = {
    min_abi = { type = "string", fn = abi_version },
    required_bits = MASK,
  }
  for _, bit in ipairs(snp.guest_policy_bits()) do fields[bit.field] = "boolean" end
  return fields
end

local function platform_fields()
  local fields = { unknown_bits = { enum = { "allowed", "forbidden" } } }
  for name in next, (snp.platform_info(0)) do fields[name] = "boolean" end
  return fields
end

local FREEDOM <const> = { enum = { "allowed", "forbidden" } }

local FIELDS <const> = {
  genuine = { type = "boolean", default = true },
  simulated = { enum = { "forbidden", "allowed" }, default = "forbidden" },
  consistent = { type = "boolean", default = true },
  signed_by = { enum = { "vcek", "vlek" } },
  csp_id = one_of(csp_id),
  chip_id = digest(64), masked_chip_id = FREEDOM,
  crl = { enum = { "required" } },
  vmpl = { fields = { max = { type = "integer", min = 0, max = 3, required = true } } },
  guest_svn = {
    fields = { min = { type = "integer", min = 0, max = UINT32_MAX, required = true } },
  },
  guest_policy = { fields = guest_policy_fields() },
  platform = { fields = platform_fields() },
  tcb = floors(), launch_tcb = floors(), provisional = FREEDOM,
  mitigations = { fields = { launch = MASK, current = MASK } },
  report_data = one_of(function(value)
    if value == "nonce" then return value end
    local bytes = M.bytes(value, 64)
    if bytes then return bytes end
    return nil, "'nonce', 64 bytes, or 128 hex digits"
  end),
  measurement = digest(48), host_data = digest(32), id_key_digest = digest(48),
  author_key_digest = digest(48), family_id = digest(16), image_id = digest(16),
}

--- Checks a table of requirements. Returns it as the checks want it, or nil and a message.
---@param given table
---@param what string
---@return table?
---@return string? message
function M.read(given, what)
  return check.test(FIELDS, given, what)
end

return M
