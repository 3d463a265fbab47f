local lab = filled("1a", 64)

given { data = { lab = { [lab] = true } } }

describe("the development policy", function()
  cases {
    { "allows an emulator", evidence.simulated {}, allowed = true },
    { "allows a host of the lab", evidence.genuine { chip_id = lab }, allowed = true },
    { "denies another host", evidence.genuine {},
      denied = { "a platform for development", "an emulator", "a host of the lab" } },
    { "denies VMPL 3", evidence.simulated { vmpl = 3 }, denied = "policy.vmpl" },
    { "denies another nonce", evidence.simulated { nonce = filled("00", 64) },
      denied = { "policy.nonce", "policy.report_data" } },
    { "denies debug", evidence.simulated { guest_policy = { debug_allowed = true } },
      denied = "policy.debug_allowed" },
    { "denies a migration agent",
      evidence.simulated { guest_policy = { migration_agent_allowed = true } },
      denied = "policy.migration_agent_allowed" },
    { "denies what nobody signed", evidence.altered { chip_id = lab }, denied = "policy.genuine" },
  }

  it("says that it is simulated", function()
    local decision = assert.allowed(evidence.simulated {})
    assert.is_true(decision.simulated)
    assert.is_true(decision.genuine)
  end)
end)
