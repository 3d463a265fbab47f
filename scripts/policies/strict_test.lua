describe("the strict baseline", function()
  local masked = filled("00", 64)

  cases {
    { "allows what is genuine and answers the nonce", evidence.genuine {}, allowed = true },
    { "allows a VLEK that names its cloud", evidence.genuine { signed_by = "vlek" },
      allowed = true },
    { "allows each product", evidence.genuine { product = "turin" }, allowed = true },
    { "denies an emulator", evidence.simulated {}, denied = "policy.simulated" },
    { "denies bytes that nobody signed", evidence.altered {}, denied = "policy.genuine" },
    { "denies VMPL 1", evidence.genuine { vmpl = 1 }, denied = "policy.vmpl" },
    { "denies another nonce", evidence.genuine { nonce = filled("11", 64) },
      denied = { "policy.nonce", "policy.report_data" } },
    { "denies without a nonce", evidence.genuine { nonce = false },
      denied = { "policy.nonce", "policy.report_data" }, because = "no nonce was given" },
    { "denies bits of the platform that nobody knows",
      evidence.genuine { platform_info = 0x8000000000000000 },
      denied = "policy.platform.unknown_bits" },
    { "denies firmware that can be rolled back", evidence.genuine { current_build = 30 },
      denied = "policy.provisional" },
    { "denies a masked chip id", evidence.genuine { chip_id = masked },
      denied = "the report names its chip, or its cloud", because = "masked" },
  }

  for _, bit in ipairs { "debug_allowed", "migration_agent_allowed", "cxl_allowed" } do
    it("denies a guest policy with " .. bit, function()
      assert.denied(evidence.genuine { guest_policy = { [bit] = true } }, "policy." .. bit)
    end)
  end

  it("says which bit", function()
    local decision = evaluate(evidence.genuine { guest_policy = { debug_allowed = true } })
    assert.equal("DEBUG set", decision.checks["policy.debug_allowed"].found)
  end)
end)
