local err = require "kavach.err"
local guest_policy = require "kavach.guest_policy"
local kavach = require "kavach"

local ALWAYS <const> = 0x20000

-- Bits by the specification (AMD 56860, section 4.3), not by the code.
local MASKS <const> = {
  smt_allowed = 1 << 16, migration_agent_allowed = 1 << 18, debug_allowed = 1 << 19,
  single_socket_only = 1 << 20, cxl_allowed = 1 << 21, aes_256_xts_required = 1 << 22,
  rapl_disabled = 1 << 23, ciphertext_hiding = 1 << 24, page_swap_disabled = 1 << 25,
}

local function refused(bits)
  local policy, e = guest_policy.from_bits(bits)
  assert.is_nil(policy)
  assert.is_true(err.is(e, "invalid_argument"))
  return tostring(e)
end

describe("a guest policy", function()
  it("permits nothing unless told", function()
    assert.equal(ALWAYS, guest_policy({}):to_bits())
    assert.equal(ALWAYS, guest_policy():to_bits())
  end)

  it("has each field at its bit", function()
    for field, mask in pairs(MASKS) do
      assert.equal(ALWAYS | mask, guest_policy({ [field] = true }):to_bits(), field)
      assert.is_true(guest_policy.from_bits(ALWAYS | mask)[field], field)
    end
    assert.equal(ALWAYS | 0x1234,
      guest_policy({ min_abi_major = 0x12, min_abi_minor = 0x34 }):to_bits())
  end)

  it("is 0x20300 when hardened", function()
    local hardened = guest_policy.hardened()
    assert.equal(0x20300, hardened:to_bits())
    assert.equal(3, hardened.min_abi_major)
    for field in pairs(MASKS) do assert.is_false(hardened[field], field) end
  end)

  it("comes back from its bits, for every valid number", function()
    local choosable = {}
    for _, mask in pairs(MASKS) do choosable[#choosable + 1] = mask end
    for choice = 0, (1 << #choosable) - 1 do
      local bits = ALWAYS
      for i, mask in ipairs(choosable) do
        if choice >> (i - 1) & 1 == 1 then bits = bits | mask end
      end
      for _, abi in ipairs { 0, 1, 0x1f, 0xff, 0x100, 0x137, 0x300, 0xff00, 0xffff,
        math.random(0, 0xffff) } do
        assert.equal(bits | abi, assert(guest_policy.from_bits(bits | abi)):to_bits())
      end
    end
  end)

  it("comes back from its bits, for every ABI", function()
    for abi = 0, 0xffff, 7 do
      assert.equal(ALWAYS | abi, assert(guest_policy.from_bits(ALWAYS | abi)):to_bits())
    end
  end)

  it("refuses each reserved bit, and names it", function()
    for bit = 26, 63 do
      local named = ("reserved bits are set: 0x%x "):format(1 << bit)
      assert.matches(named, refused(ALWAYS | 1 << bit), 1, true)
    end
    assert.matches("bit 17", refused(0))
    assert.matches("bit 17", refused(0x10000))
  end)

  it("checks what it is given", function()
    assert.error_matches(function() guest_policy { smt_allowd = true } end,
      "unknown option 'smt_allowd' %(did you mean 'smt_allowed'%?%)")
    assert.error_matches(function() guest_policy { debug_allowed = 1 } end, "debug_allowed must be")
    assert.error_matches(function() guest_policy { min_abi_major = 256 } end, "at most 255")
    assert.error_matches(function() guest_policy.from_bits "0x30000" end, "must be an integer")
    assert.error_matches(function() guest_policy.from_bits(196608.0) end, "must be an integer")
    local policy = guest_policy {}
    policy.debug_allowed = "yes"
    assert.error_matches(function() policy:to_bits() end, "debug_allowed must be")
  end)

  it("blames the caller", function()
    local _, message = pcall(function() guest_policy { nonsense = true } end)
    assert.matches("guest_policy_spec.lua", message, 1, true)
  end)

  it("prints as its bits and their names", function()
    assert.equal("0x30137: ABI 1.55 or later, SMT", tostring(guest_policy.from_bits(0x30137)))
    assert.equal("0x20000: ABI 0.0 or later", tostring(guest_policy {}))
  end)

  it("equals another of the same bits", function()
    assert.equal(guest_policy { smt_allowed = true }, guest_policy.from_bits(0x30000))
    assert.not_equal(guest_policy {}, guest_policy.from_bits(0x30000))
  end)

  it("says which bits permit and which demand", function()
    local permits = {}
    for _, bit in ipairs(guest_policy.bits()) do
      assert.equal(MASKS[bit.field], bit.mask)
      permits[bit.name] = bit.permits
    end
    assert.same({ SMT = true, MIGRATE_MA = true, DEBUG = true, CXL_ALLOW = true,
      SINGLE_SOCKET = false, MEM_AES_256_XTS = false, RAPL_DIS = false,
      CIPHERTEXT_HIDING_DRAM = false, PAGE_SWAP_DISABLE = false }, permits)
  end)
end)

describe("the module", function()
  it("has the guest policy and its numbers", function()
    assert.equal(guest_policy, kavach.guest_policy)
    assert.equal(0x30000, kavach.SEV_SNP_POLICY)
    assert.equal(kavach.SEV_SNP_POLICY, guest_policy({ smt_allowed = true }):to_bits())
    local cbit = kavach.CBIT_POS
    assert.equal("integer", math.type(cbit))
    local file = assert(io.open "/proc/cpuinfo")
    local has_sev = file:read("a"):find "%f[%w]sev%f[^%w_]"
    file:close()
    if not has_sev then assert.equal(51, cbit) end
  end)
end)
