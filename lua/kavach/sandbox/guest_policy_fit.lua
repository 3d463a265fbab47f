-- Whether a host's firmware takes a guest policy, and which of its bits it does not take. Pure.

local guest_policy = require "kavach.guest_policy"

---What is known of a host. What is nil is not known, and no reason to refuse.
---@class kavach.platform
---@field api_major integer of the firmware's ABI
---@field api_minor integer
---@field smt boolean?
---@field rapl_disabled boolean?
---@field ciphertext_hiding boolean?

local SMT <const> = "/sys/devices/system/cpu/smt/active"

---@param bits integer a valid guest policy
---@param platform kavach.platform
---@return string[] refusals why the firmware refuses a launch with it, one for each bit or field
return function(bits, platform)
  local policy = assert(guest_policy.from_bits(bits))
  local refusals = {}
  local function refuse(text, ...) refusals[#refusals + 1] = text:format(...) end
  local major, minor = policy.min_abi_major, policy.min_abi_minor
  if major > platform.api_major or major == platform.api_major and minor > platform.api_minor then
    refuse("min_abi_major and min_abi_minor (bits 15:0) ask for ABI %d.%d; this firmware is %d.%d",
      major, minor, platform.api_major, platform.api_minor)
  end
  if not policy.smt_allowed and platform.smt then
    refuse("smt_allowed (bit 16) is false, but SMT is on (%s)", SMT)
  end
  if policy.rapl_disabled and platform.rapl_disabled == false then
    refuse "rapl_disabled (bit 23) is true, but the firmware has RAPL on"
  end
  if policy.ciphertext_hiding and platform.ciphertext_hiding == false then
    refuse "ciphertext_hiding (bit 24) is true, but the firmware has it off"
  end
  return refusals
end
