local ours, drained, foreign = filled("9c", 64), filled("7d", 64), filled("11", 64)

given {
  data = {
    fleet = {
      [ours] = { site = "fra1", state = "active" },
      [drained] = { site = "fra1", state = "drained" },
    },
  },
}

describe("the fleet", function()
  cases {
    { "allows a host of ours", evidence.genuine { chip_id = ours }, allowed = true },
    { "denies one that is drained", evidence.genuine { chip_id = drained },
      denied = "the host is active" },
    { "denies a foreign one", evidence.genuine { chip_id = foreign },
      denied = { "the host is in the fleet", "the host is active" } },
    { "denies a VLEK, which names no host",
      evidence.genuine { signed_by = "vlek" },
      denied = { "policy.signed_by", "the host is in the fleet", "the host is active" } },
    { "denies VMPL 1", evidence.genuine { chip_id = ours, vmpl = 1 }, denied = "policy.vmpl" },
    { "denies debug",
      evidence.genuine { chip_id = ours, guest_policy = { debug_allowed = true } },
      denied = "policy.debug_allowed" },
    { "denies a migration agent",
      evidence.genuine { chip_id = ours, guest_policy = { migration_agent_allowed = true } },
      denied = "policy.migration_agent_allowed" },
  }
end)
