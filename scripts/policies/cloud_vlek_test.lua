local account, other = filled("ac", 32), filled("0e", 32)
local DAY <const> = 24 * 3600
-- The VLEK of test evidence is made in June of 2025, for a year.
local END <const> = 1750000000 + 365 * DAY

given { data = { accounts = { [account] = "production", [other] = "staging" } } }

-- Evidence of a good guest, but for what `changes` says.
local function guest(changes)
  local with = { signed_by = "vlek", host_data = account, crl = "good" }
  for name, value in pairs(changes) do with[name] = value end
  return evidence.genuine(with)
end

describe("a VLEK in a cloud", function()
  cases {
    { "allows a guest of ours", guest {}, allowed = true },
    { "allows the other provider", guest { csp_id = "CN=other-cloud.invalid" }, allowed = true },
    { "denies a third", guest { csp_id = "CN=third.invalid" }, denied = "policy.csp_id" },
    { "denies another account", guest { host_data = other },
      denied = "it is for an account of ours" },
    { "denies without a revocation list", evidence.genuine { signed_by = "vlek",
        host_data = account }, denied = "policy.crl" },
    { "denies an ASVK that was revoked", guest { crl = "revoked" },
      denied = { "policy.genuine", "policy.crl" } },
    { "denies a VCEK", guest { signed_by = "vcek" },
      denied = { "policy.signed_by", "policy.csp_id", "the VLEK is good for another week" } },
    { "denies old firmware", guest { tcb = { snp = 21 } }, denied = "policy.tcb.snp" },
    { "denies another nonce", guest { nonce = filled("00", 64) },
      denied = { "policy.nonce", "policy.report_data" } },
    { "denies VMPL 1", guest { vmpl = 1 }, denied = "policy.vmpl" },
    { "denies debug", guest { guest_policy = { debug_allowed = true } },
      denied = "policy.debug_allowed" },
    { "denies a migration agent", guest { guest_policy = { migration_agent_allowed = true } },
      denied = "policy.migration_agent_allowed" },
  }

  it("denies a VLEK that is about to end", function()
    assert.allowed(guest { now = END - 8 * DAY })
    assert.denied(guest { now = END - 6 * DAY }, "the VLEK is good for another week",
      "within a week")
  end)
end)
