local attested = require "support.attested"
local kavach = require "kavach"
local policy = require "kavach.attest.policy"
local policy_file = require "kavach.attest.policy_file"
local report = require "kavach.report"
local snp = require "kavach.snp"

local check, reasons = attested.check, attested.reasons

local function raised(fn, ...)
  local ok, message = pcall(fn, ...)
  assert.is_false(ok)
  return tostring(message)
end

describe("a policy", function()
  it("has a name, perhaps a version, and requirements", function()
    local made = policy.new("web tier", { vmpl = { max = 1 } }, "3.1")
    assert.same({ "web tier", "3.1", 1 }, { made.name, made.version, made.requires.vmpl.max })
    assert.equal("attestation policy web tier", tostring(made))
  end)

  it("demands by default that evidence is genuine, real and consistent", function()
    local requires = policy.new("p", {}).requires
    assert.same({ true, "forbidden", true },
      { requires.genuine, requires.simulated, requires.consistent })
  end)

  it("refuses a name or version that is not one", function()
    assert.matches("name must be up to 64 letters", raised(policy.new, "a\nb", {}))
    assert.matches("name must be up to 64 letters", raised(policy.new, ("a"):rep(65), {}))
    assert.matches("name must be a string", raised(policy.new, 5, {}))
    assert.matches("a name is needed", raised(policy.new, nil, {}))
    assert.matches("version must be", raised(policy.new, "p", {}, "1 2"))
  end)

  for text, requires in pairs {
    ["unknown option 'mesurement' %(did you mean 'measurement'%?%)"] = { mesurement = "" },
    ["unknown option 'debug' %(did you mean 'debug_allowed'%?%)"] =
      { guest_policy = { debug = false } },
    ["vmpl.max is required"] = { vmpl = {} },
    ["vmpl.max must be an integer, at least 0 and at most 3"] = { vmpl = { max = 4 } },
    ["measurement must be 48 bytes, or 96 hex digits"] = { measurement = "00" },
    ["measurement must be one, or a list with at least one"] = { measurement = {} },
    ["report_data must be 'nonce', 64 bytes, or 128 hex digits"] = { report_data = "none" },
    ["min_abi must be a version such as '1.55'"] = { guest_policy = { min_abi = "1.256" } },
    ["snp.min must be an integer, at least 0 and at most 255"] = { tcb = { snp = { min = 256 } } },
    ["unknown option 'fmc'"] = { tcb = { Milan = { fmc = { min = 1 } } } },
    ["simulated must be one of 'forbidden', 'allowed'"] = { simulated = true },
    ["required_bits must be an integer, or '0x'"] = { guest_policy = { required_bits = "7" } },
    ["signed_by must be one of 'vcek', 'vlek'"] = { signed_by = "ask" },
    ["chip_id must be 64 bytes"] = { chip_id = { ("a"):rep(64), "b" } },
  } do
    it("refuses what makes no sense: " .. text:gsub("%%", ""), function()
      assert.matches(text, raised(policy.new, "p", requires))
    end)
  end

  it("by an unknown name suggests the nearest", function()
    local found, why = policy.named "strcit"
    assert.is_nil(found)
    assert.matches("did you mean 'strict'", why.message, 1, true)
    assert.equal("invalid_argument", why.kind)
  end)

  it("is in kavach's module table", function()
    assert.equal(policy, kavach.policy)
    assert.same({ "baseline", "development", "seed-strict", "strict" }, policy.names())
    for _, name in ipairs(policy.names()) do assert.equal(name, policy.named(name).name) end
    assert.equal("seed-strict", policy.named("seed_strict").name)
  end)
end)

describe("baseline", function()
  it("judges six things beside consistency, and no other", function()
    local decides = {}
    for _, one in ipairs(policy.baseline():verify_against(attested.report()).checks) do
      local consistency = one.id:find "^tcb%." or one.id == "policy.reserved"
      if one.decides and not consistency then decides[#decides + 1] = one.id end
    end
    table.sort(decides)
    assert.same({
      "policy.cxl_allowed", "policy.debug_allowed", "policy.genuine", "policy.masked_chip_id",
      "policy.migration_agent_allowed", "policy.simulated", "policy.vmpl",
    }, decides)
  end)

  it("allows no report alone, however it looks", function()
    local decision = policy.baseline():verify_against(attested.report())
    assert.same({ false, false, "policy.genuine policy.simulated" },
      { decision.allow, decision.genuine, reasons(decision) })
    assert.equal("not_checked", check(decision, "policy.genuine").status)
  end)
end)

describe("strict", function()
  local function of(fields, changes)
    return policy.strict(fields):verify_against(attested.report(changes))
  end

  local UNSIGNED <const> = "policy.genuine policy.simulated"

  it("has the four fields", function()
    local made = policy.strict { expected_measurement = ("ab"):rep(48), max_vmpl = 1 }
    assert.same({ ("\xab"):rep(48), 1, 0, 0x20000 }, {
      made.expected_measurement, made.max_vmpl, made.min_guest_svn, made.required_policy_flags,
    })
    assert.is_nil(policy.strict().expected_measurement)
  end)

  it("has no ABI floor, and lets SMT be", function()
    assert.equal(UNSIGNED, reasons(of(nil, { policy = 0x20000 })))
    assert.equal(UNSIGNED, reasons(of(nil, { policy = 0x3ffff & ~0xff00 })))
  end)

  it("compares the ABI as a version where it is asked to", function()
    assert.equal(UNSIGNED, reasons(of({ min_abi = "1.31" }, { policy = 0x3011f })))
    assert.equal(UNSIGNED .. " policy.min_abi",
      reasons(of({ min_abi = "1.31" }, { policy = 0x300ff })))
  end)

  for bit, id in pairs {
    [18] = "policy.migration_agent_allowed", [19] = "policy.debug_allowed",
    [21] = "policy.cxl_allowed",
  } do
    it("forbids bit " .. bit, function()
      assert.equal(UNSIGNED .. " " .. id, reasons(of(nil, { policy = 0x20000 | 1 << bit })))
    end)
  end

  it("judges the measurement, the SVN, the VMPL and the flags", function()
    local fields = {
      expected_measurement = ("\1"):rep(48), min_guest_svn = 2, required_policy_flags = 1 << 20,
    }
    assert.equal(UNSIGNED .. " policy.measurement policy.vmpl policy.required_bits "
      .. "policy.guest_svn", reasons(of(fields, { vmpl = 1, guest_svn = 1 })))
    assert.equal(UNSIGNED, reasons(of(fields, { measurement = ("\1"):rep(48), guest_svn = 2,
      policy = 0x120000 })))
  end)

  it("refuses flags that it forbids itself, and those of the ABI", function()
    assert.matches("which a strict policy forbids",
      raised(policy.strict, { required_policy_flags = 1 << 19 }))
    assert.matches("min_abi compares as a version",
      raised(policy.strict, { required_policy_flags = 0x20300 }))
    assert.matches("unknown option 'max_vmlp'", raised(policy.strict, { max_vmlp = 0 }))
  end)
end)

describe("seed_strict", function()
  local function of(fields, changes)
    return policy.seed_strict(fields):verify_against(attested.report(changes))
  end

  it("is nil, 0, 0 and the hardened bits, and its decision is labelled structural", function()
    local made = policy.seed_strict()
    assert.is_nil(made.expected_measurement)
    assert.same({ 0, 0, 0x20300 },
      { made.max_vmpl, made.min_guest_svn, made.required_policy_flags })
    local decision = of(nil, { policy = 0x20300 })
    assert.same({ true, true, false }, { decision.allow, decision.structural, decision.genuine })
    assert.matches("structural", decision:to_text())
  end)

  it("takes the ABI for a mask, and so refuses every real processor", function()
    assert.equal("structural.policy", reasons(of(nil, { policy = 0x30000 })))
    assert.equal("structural.policy", reasons(of(nil, { policy = 0x20400 })))
    assert.is_true(of(nil, { policy = 0x20700 }).allow)
  end)

  it("lets debug through where the required bits are set", function()
    assert.is_true(of(nil, { policy = 0x20300 | 1 << 19 }).allow)
  end)

  it("compares VMPL, SVN and measurement", function()
    local fields = { expected_measurement = ("\1"):rep(48), min_guest_svn = 1,
      required_policy_flags = 0 }
    assert.equal("structural.measurement structural.vmpl structural.guest_svn",
      reasons(of(fields, { vmpl = 1 })))
    assert.is_true(of(fields, { guest_svn = 1, measurement = ("\1"):rep(48) }).allow)
  end)

  it("judges a report that is but nine claims, which others refuse", function()
    local claims = assert(report.from_json(attested.report { policy = 0x20300 }:to_json()))
    assert.is_true(policy.seed_strict():verify_against(claims).allow)
    assert.is_false(policy.seed_strict { min_guest_svn = 1 }:verify_against(claims).allow)
    local decision = policy.strict():verify_against(claims)
    assert.equal("policy.genuine policy.simulated policy.report", reasons(decision))
  end)

  it("fails a measurement that is no hex, if one is expected", function()
    local text = attested.report { policy = 0x20300 }:to_json():gsub(
      '"measurement":"%x+"', '"measurement":"zz"')
    local claims = assert(report.from_json(text))
    local made = policy.seed_strict { expected_measurement = ("\0"):rep(48) }
    assert.equal("structural.measurement", reasons(made:verify_against(claims)))
  end)
end)

describe("a policy in JSON", function()
  local function decode(text) return policy_file.decode(text) end

  it("has a name, a version and requirements, with masks as text", function()
    local made = assert(decode([[{ "format": "kavach-policy", "name": "web", "version": "3",
      "requires": { "vmpl": { "max": 1 }, "measurement": [ "]] .. ("0a"):rep(48) .. [[" ],
      "guest_policy": { "debug_allowed": false, "required_bits": "0x20000" } } }]]))
    assert.same({ "web", "3", 1, ("\10"):rep(48), false, 0x20000 }, {
      made.name, made.version, made.requires.vmpl.max, made.requires.measurement[1],
      made.requires.guest_policy.debug_allowed, made.requires.guest_policy.required_bits,
    })
  end)

  it("has a digest, which its decisions name", function()
    local text = '{"format":"kavach-policy","name":"p","requires":{}}'
    local made = assert(decode(text))
    assert.equal(snp.hex(snp.sha256(text)), made.digest)
    assert.equal(made.digest, made:verify_against(attested.report()):to_table().policy_digest)
  end)

  for text, document in pairs {
    ["policy: name is required"] = '{"format":"kavach-policy","requires":{}}',
    ["policy: requires is required"] = '{"format":"kavach-policy","name":"p"}',
    ["format must be one of 'kavach-policy'"] = '{"format":"x","name":"p","requires":{}}',
    ["did you mean 'requires'"] =
      '{"format":"kavach-policy","name":"p","require":{},"requires":{}}',
    ["policy p: unknown option 'nonce'"] =
      '{"format":"kavach-policy","name":"p","requires":{"nonce":"x"}}',
    ["duplicate key"] =
      '{"format":"kavach-policy","name":"p","requires":{"crl":"required","crl":"required"}}',
    ["name must be up to 64 letters"] =
      '{"format":"kavach-policy","name":"\\u001b[2J","requires":{}}',
    ["policy must be a table"] = '"strict"',
    ["nested more than 100 deep"] = ("["):rep(5000),
    ["invalid value"] = '{"requires":NaN}',
    ["genuine must be a boolean"] =
      '{"format":"kavach-policy","name":"p","requires":{"genuine":null}}',
  } do
    it("is refused: " .. text, function()
      local made, why = decode(document)
      assert.is_nil(made)
      assert.equal("invalid_argument", why.kind)
      assert.matches(text, why.message, 1, true)
    end)
  end
end)
