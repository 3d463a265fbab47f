local NEW = {
  milan = { snp = 24, microcode = 219 }, genoa = { snp = 23, microcode = 84 },
  turin = { fmc = 1, snp = 4, microcode = 81 },
}
local OLD = {
  milan = { snp = 22 }, genoa = { microcode = 83 }, turin = { fmc = 0 },
}

describe("the TCB floor", function()
  for product, tcb in pairs(NEW) do
    it("allows a new " .. product, function()
      assert.allowed(evidence.genuine { product = product, tcb = tcb })
    end)
  end

  for product, tcb in pairs(OLD) do
    for part in pairs(tcb) do
      it("denies a " .. product .. " with an old " .. part, function()
        assert.denied(evidence.genuine { product = product, tcb = tcb },
          { "policy.tcb." .. part, "policy.launch_tcb." .. part })
      end)
    end
  end

  cases {
    { "denies old microcode on a Milan", evidence.genuine { tcb = { microcode = 212 } },
      denied = { "policy.tcb.microcode", "policy.launch_tcb.microcode" } },
    { "denies old SNP firmware on a Turin",
      evidence.genuine { product = "turin", tcb = { snp = 3 } },
      denied = { "policy.tcb.snp", "policy.launch_tcb.snp" } },
    { "denies a guest that was launched before an update",
      evidence.genuine { launch_tcb = { snp = 22 } }, denied = "policy.launch_tcb.snp" },
    { "denies firmware that can be rolled back", evidence.genuine { current_tcb = { snp = 25 } },
      denied = "policy.provisional" },
    { "denies memory that was not checked",
      evidence.genuine { platform = { ALIAS_CHECK_COMPLETE = false } },
      denied = "memory was checked for aliases" },
  }
end)
