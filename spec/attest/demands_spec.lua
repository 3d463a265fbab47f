local attested = require "support.attested"
local policy = require "kavach.attest.policy"
local snp = require "kavach.snp"

local check, reasons = attested.check, attested.reasons

--- The decision about a report that nobody signed, by a policy that does not mind.
local function judge(requires, changes)
  requires.genuine, requires.simulated = false, "allowed"
  return policy.new("p", requires):verify_against(attested.report(changes))
end

--- Whether the one check decides, and how it came out.
local function outcome(requires, changes, id)
  local one = check(judge(requires, changes), id)
  return one.decides and one.status or "not asked"
end

describe("a policy's demand", function()
  it("that there is none allows nothing", function()
    local decision = judge { consistent = false }
    assert.is_false(decision.allow)
    assert.same({}, decision:reasons())
  end)

  it("that a report be consistent is made of a report alone, too", function()
    local above = attested.tcb { boot_loader = 4, tee = 0, snp = 25, microcode = 219 }
    for id, changes in pairs {
      ["tcb.reported"] = { reported_tcb = above },
      ["tcb.firmware"] = { committed_minor = 56 },
      ["policy.reserved"] = { policy = 1 << 30 | 0x30000 },
    } do
      assert.equal(id, reasons(judge({ vmpl = { max = 0 } }, changes)))
      assert.is_true(judge({ vmpl = { max = 0 }, consistent = false }, changes).allow)
    end
  end)

  describe("of the VMPL", function()
    it("lets pass up to its maximum", function()
      local rule = { vmpl = { max = 1 } }
      assert.is_true(judge(rule, { vmpl = 0 }).allow)
      assert.is_true(judge(rule, { vmpl = 1 }).allow)
      assert.equal("policy.vmpl", reasons(judge(rule, { vmpl = 2 })))
    end)

    it("refuses a report that the host asked for", function()
      local found = check(judge({ vmpl = { max = 3 } }, { vmpl = 0xffffffff }), "policy.vmpl")
      assert.same({ "fail", "the host asked for it", "vmpl" },
        { found.status, found.found, found.field })
    end)
  end)

  it("of the guest's SVN is a minimum", function()
    local rule = { guest_svn = { min = 3 } }
    assert.equal("fail", outcome(rule, { guest_svn = 2 }, "policy.guest_svn"))
    assert.equal("pass", outcome(rule, { guest_svn = 3 }, "policy.guest_svn"))
    assert.equal("pass", outcome(rule, { guest_svn = 0xffffffff }, "policy.guest_svn"))
  end)

  describe("of the guest policy", function()
    for _, bit in ipairs(snp.guest_policy_bits()) do
      it("has three states for " .. bit.name, function()
        local clear, set = 0x20000, 0x20000 | bit.mask
        local id = "policy." .. bit.field
        local function rule(wanted) return { guest_policy = { [bit.field] = wanted } } end
        assert.equal("pass", outcome(rule(true), { policy = set }, id))
        assert.equal("fail", outcome(rule(true), { policy = clear }, id))
        assert.equal("fail", outcome(rule(false), { policy = set }, id))
        assert.equal("pass", outcome(rule(false), { policy = clear }, id))
        local rest = check(judge({}, { policy = set }), "policy.other_bits")
        assert.equal("not_checked", rest.status)
        assert.matches(bit.name .. " set", rest.found, 1, true)
      end)
    end

    it("compares the ABI as a version", function()
      local rule = { guest_policy = { min_abi = "1.55" } }
      for abi, wanted in pairs {
        [0x0136] = "fail", [0x0137] = "pass", [0x0138] = "pass", [0x0200] = "pass",
        [0x00ff] = "fail",
      } do
        assert.equal(wanted, outcome(rule, { policy = 0x20000 | abi }, "policy.min_abi"))
      end
    end)

    it("may be bits that must all be set", function()
      local rule = { guest_policy = { required_bits = "0x30000" } }
      assert.equal("pass", outcome(rule, { policy = 0x130000 }, "policy.required_bits"))
      assert.equal("fail", outcome(rule, { policy = 0x20000 }, "policy.required_bits"))
    end)
  end)

  it("of the platform names bits, and may refuse unknown ones", function()
    assert.equal("fail", outcome({ platform = { SMT_EN = false } }, { platform_info = 0x25 },
      "policy.platform.smt_en"))
    assert.equal("pass", outcome({ platform = { SMT_EN = false } }, { platform_info = 0x24 },
      "policy.platform.smt_en"))
    local rule = { platform = { unknown_bits = "forbidden" } }
    assert.equal("pass", outcome(rule, { platform_info = 0xff }, "policy.platform.unknown_bits"))
    assert.equal("fail", outcome(rule, { platform_info = 0x100 }, "policy.platform.unknown_bits"))
    assert.equal("fail", outcome(rule, { platform_info = 1 << 63 },
      "policy.platform.unknown_bits"))
    assert.equal("not asked", outcome({}, { platform_info = 0x100 },
      "policy.platform.unknown_bits"))
  end)

  describe("of mitigations", function()
    local rule <const> = { mitigations = { launch = 3, current = "0x6" } }

    it("is that all of its bits are set", function()
      local changes = { launch_mit_vector = 7, current_mit_vector = 4 }
      assert.equal("pass", outcome(rule, changes, "policy.launch_mit_vector"))
      assert.equal("fail", outcome(rule, changes, "policy.current_mit_vector"))
    end)

    it("fails where a report's version has none", function()
      local found = check(judge(rule, { version = 3 }), "policy.launch_mit_vector")
      assert.same({ "fail", "none in version 3" }, { found.status, found.found })
    end)
  end)
end)

describe("a floor of the firmware", function()
  local function milan(parts)
    local tcb = { boot_loader = 4, tee = 0, snp = 24, microcode = 219 }
    for part, value in pairs(parts or {}) do tcb[part] = value end
    return attested.tcb(tcb)
  end

  for part, least in pairs { boot_loader = 4, snp = 24, microcode = 219 } do
    it("is of one component: " .. part, function()
      local id = "policy.tcb." .. part
      local function rule(min) return { tcb = { [part] = { min = min } } } end
      assert.equal("pass", outcome(rule(least), nil, id))
      assert.equal("fail", outcome(rule(least + 1), nil, id))
    end)
  end

  it("holds for the reported and the committed TCB, whatever runs now", function()
    local rule = { tcb = { snp = { min = 24 } } }
    local low, high = milan { snp = 23 }, milan()
    local id = "policy.tcb.snp"
    assert.equal("fail", outcome(rule, { reported_tcb = low }, id))
    assert.equal("fail", outcome(rule, { committed_tcb = low }, id))
    assert.equal("pass", outcome(rule, { current_tcb = high, launch_tcb = low }, id))
    local found = check(judge(rule, { reported_tcb = low }), id)
    assert.equal("reported 23, committed 24", found.found)
  end)

  it("may be of the TCB at launch", function()
    local rule = { launch_tcb = { microcode = { min = 219 } } }
    assert.equal("pass", outcome(rule, nil, "policy.launch_tcb.microcode"))
    assert.equal("fail", outcome(rule, { launch_tcb = milan { microcode = 218 } },
      "policy.launch_tcb.microcode"))
  end)

  it("may be of one product; products without any are refused then", function()
    local milan_only = { tcb = { Milan = { snp = { min = 25 } }, snp = { min = 1 } } }
    assert.equal("fail", outcome(milan_only, nil, "policy.tcb.snp"))
    local genoa_only = { tcb = { Genoa = { snp = { min = 1 } } } }
    local found = check(judge(genoa_only), "policy.tcb")
    assert.same({ "fail", true, "a floor for Milan" },
      { found.status, found.decides, found.expected })
  end)

  it("of a product adds to that of all", function()
    local rule = { tcb = { Milan = { snp = { min = 1 } }, boot_loader = { min = 5 } } }
    assert.equal("pass", outcome(rule, nil, "policy.tcb.snp"))
    assert.equal("fail", outcome(rule, nil, "policy.tcb.boot_loader"))
  end)

  it("knows Turin's FMC, which is not checked on others", function()
    local rule = { tcb = { fmc = { min = 2 }, snp = { min = 4 } } }
    local turin = snp.tcb_write("Turin",
      { fmc = 1, boot_loader = 1, tee = 1, snp = 4, microcode = 81 })
    local changes = { cpuid_fam_id = 0x1a, cpuid_mod_id = 2, reported_tcb = turin,
      committed_tcb = turin, current_tcb = turin, launch_tcb = turin }
    assert.equal("policy.tcb.fmc", reasons(judge(rule, changes)))
    local on_milan = check(judge(rule), "policy.tcb.fmc")
    assert.same({ "not_checked", false, "a TCB of Milan has none" },
      { on_milan.status, on_milan.decides, on_milan.reason })
  end)

  local VERSION_2 <const> = {
    version = 2, cpuid_fam_id = false, cpuid_mod_id = false, cpuid_step = false,
  }

  it("of a product is refused to a report that does not tell its own", function()
    local found = check(judge({ tcb = { Milan = { snp = { min = 1 } } } }, VERSION_2),
      "policy.tcb")
    assert.same({ "fail", true, "a floor for a product that is not known" },
      { found.status, found.decides, found.expected })
  end)

  it("cannot be held against a TCB of unknown layout, and denies", function()
    local changes = { chip_id = ("\0"):rep(64) }
    for field, value in pairs(VERSION_2) do changes[field] = value end
    local decision = judge({ tcb = { snp = { min = 1 } } }, changes)
    local found = check(decision, "policy.tcb")
    assert.same({ "not_checked", true, "the product is not known", false },
      { found.status, found.decides, found.reason, decision.allow })
  end)

  it("lets firmware run that is not committed, unless told otherwise", function()
    local changes = { current_tcb = milan { microcode = 220 } }
    assert.equal("not asked", outcome({}, changes, "policy.provisional"))
    assert.equal("not asked", outcome({ provisional = "allowed" }, changes, "policy.provisional"))
    local rule = { provisional = "forbidden" }
    assert.equal("fail", outcome(rule, changes, "policy.provisional"))
    assert.equal("fail", outcome(rule, { current_build = 30 }, "policy.provisional"))
    assert.equal("pass", outcome(rule, nil, "policy.provisional"))
  end)
end)
