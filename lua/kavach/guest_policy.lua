--- The guest policy: what an SEV-SNP guest lets its host do, as 64 bits (AMD 56860, section 4.3).
---
---   local policy = guest_policy { smt_allowed = true }
---   policy:to_bits()                              --> 0x30000
---   guest_policy.from_bits(0x30000).smt_allowed   --> true

local check = require "kavach.check"
local err = require "kavach.err"
local snp = require "kavach.snp"

local M = {}

local BITS <const> = snp.guest_policy_bits()
local ALWAYS <const> = snp.GUEST_POLICY_ALWAYS
local HARDENED_ABI_MAJOR <const> = 3

---@class kavach.GuestPolicy
---@field smt_allowed boolean the host may have SMT on
---@field migration_agent_allowed boolean
---@field debug_allowed boolean the host may read and write the guest's memory
---@field single_socket_only boolean
---@field cxl_allowed boolean
---@field aes_256_xts_required boolean
---@field rapl_disabled boolean
---@field ciphertext_hiding boolean
---@field page_swap_disabled boolean
---@field min_abi_major integer 0 to 255
---@field min_abi_minor integer
local Policy = {}
Policy.__index = Policy
Policy.__name = "kavach.GuestPolicy"
M.class = Policy -- by which the prompt knows its objects

local FIELDS <const> = {
  min_abi_major = { type = "integer", min = 0, max = 255, default = 0 },
  min_abi_minor = { type = "integer", min = 0, max = 255, default = 0 },
}
for _, bit in ipairs(BITS) do
  FIELDS[bit.field] = { type = "boolean", default = false }
end

--- The 64 bits, reserved bit 17 included. Raises if a field was given a value that it cannot have.
---@return integer
function Policy:to_bits()
  local fields = check.table(FIELDS, self, "guest_policy")
  local bits = ALWAYS | fields.min_abi_major << 8 | fields.min_abi_minor
  for _, bit in ipairs(BITS) do
    if fields[bit.field] then bits = bits | bit.mask end
  end
  return bits
end

function Policy:__tostring()
  local words = {}
  for _, bit in ipairs(BITS) do
    if self[bit.field] then words[#words + 1] = bit.name end
  end
  return ("0x%x: ABI %d.%d or later%s"):format(self:to_bits(), self.min_abi_major,
    self.min_abi_minor, #words > 0 and ", " .. table.concat(words, ", ") or "")
end

function Policy.__eq(a, b)
  return getmetatable(a) == getmetatable(b) and a:to_bits() == b:to_bits()
end

--- What is not given is false, and any ABI will do.
---@param fields table?
---@return kavach.GuestPolicy
local function new(fields)
  local checked = check.table(FIELDS, fields, "guest_policy", 3)
  return setmetatable(checked, Policy)
end

--- Nothing permitted, and ABI 3.0: 0x20300. No firmware is that new: every one that is known is at
--- 1.x and refuses it.
---@return kavach.GuestPolicy
function M.hardened()
  return new { min_abi_major = HARDENED_ABI_MAJOR }
end

--- The policy of these bits, or nil and an error if reserved bits are not as they must be.
---@param bits integer
---@return kavach.GuestPolicy?
---@return kavach.Error?
function M.from_bits(bits)
  if math.type(bits) ~= "integer" then
    error(("guest_policy.from_bits: bits must be an integer, got %s"):format(tostring(bits)), 2)
  end
  local fine, message = snp.guest_policy_check(bits)
  if not fine then
    return err.fail("invalid_argument", message, { op = "guest_policy.from_bits" })
  end
  local fields = { min_abi_major = bits >> 8 & 0xff, min_abi_minor = bits & 0xff }
  for _, bit in ipairs(BITS) do
    fields[bit.field] = bits & bit.mask ~= 0
  end
  return new(fields)
end

--- The bits that can be chosen, lowest first: { field=, name= (the specification's), mask=,
--- permits= (whether 1 permits something to the host, or else demands something of it) }.
---@return table[]
function M.bits()
  return snp.guest_policy_bits()
end

return setmetatable(M, {
  __call = function(_, fields)
    local policy = new(fields) -- no tail call: its errors are for this function's caller
    return policy
  end,
})
