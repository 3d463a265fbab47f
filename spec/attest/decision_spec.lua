local attest = require "kavach.attest"
local attested = require "support.attested"
local json = require "kavach.json"
local policy = require "kavach.attest.policy"
local snp = require "kavach.snp"

local check, reasons, NOW, NONCE = attested.check, attested.reasons, attested.NOW, attested.NONCE
local ZERO64 <const> = ("\0"):rep(64)

local platform, trust, remove

--- Evidence of the platform: fields by name; `key` "vlek".
local function evidence(changes)
  local options = { report_data = NONCE }
  for name, value in pairs(changes or {}) do options[name] = value end
  return assert(attest.parse(assert(platform:evidence(options))))
end

--- Its decision, by a policy with these requirements that allows simulated evidence.
local function judge(requires, changes, options)
  requires.simulated = requires.simulated or "allowed"
  options = options or {}
  options.trust, options.now = options.trust or trust, options.now or NOW
  local given = changes and (changes.report and changes or evidence(changes)) or evidence()
  return attest.verify(given, policy.new("p", requires), options)
end

local function outcome(decision, id)
  local one = check(decision, id)
  return (one.decides and "" or "idle ") .. one.status
end

describe("a decision", function()
  setup(function()
    platform, remove = attested.platform "milan"
    trust = assert(attest.trust { emulator = platform })
  end)
  teardown(function() remove() end)

  it("allows what is genuine, and has every check in one order", function()
    local decision = judge({}, nil, { nonce = NONCE })
    assert.same({ true, true, "p", "Milan", 3, "vcek", "given" }, {
      decision.allow, decision.genuine, decision.policy, decision.product,
      decision.report_version, decision.signed_by, decision.root,
    })
    local first, seen = decision.checks[1], {}
    assert.equal("report.version", first.id)
    for _, one in ipairs(decision.checks) do
      assert.is_nil(seen[one.id], one.id)
      seen[one.id] = true
      assert.is_string(one.name)
      assert.is_not_nil(({ pass = 1, fail = 1, not_checked = 1 })[one.status])
      if one.status == "not_checked" then assert.is_string(one.reason) end
      if one.status == "fail" then assert.is_string(one.found) end
    end
    local ids = {}
    local other = attest.verify(("\0"):rep(1184), nil, { now = NOW })
    for i, one in ipairs(other.checks) do ids[i] = one.id end
    for i = 1, 46 do assert.equal(decision.checks[i].id, ids[i]) end
  end)

  it("makes every check, not only up to the first failure", function()
    local decision = judge({ vmpl = { max = 0 }, guest_policy = { debug_allowed = false },
      measurement = ("\1"):rep(48), host_data = ("\2"):rep(32) },
      { vmpl = 2, policy = 0xb0000 }, { nonce = ZERO64, product = "genoa" })
    assert.equal("bind.product policy.genuine policy.nonce policy.measurement policy.host_data "
      .. "policy.vmpl policy.debug_allowed", reasons(decision))
  end)

  it("is genuine or not whatever the policy says", function()
    local decision = judge({ vmpl = { max = 0 } }, { vmpl = 1 })
    assert.same({ false, true, "denied" }, { decision.allow, decision.genuine,
      decision:outcome() })
    decision = judge({ genuine = false, vmpl = { max = 0 } }, nil, { now = attested.BEGIN - 1 })
    assert.same({ true, false }, { decision.allow, decision.genuine })
    assert.equal("idle fail", outcome(decision, "vek.validity"))
    assert.matches("the policy does not mind", decision:to_text(), 1, true)
  end)

  it("denies every report with a byte changed, wherever", function()
    local given = evidence()
    local list = {}
    for at = 0, 1183 do
      local byte = string.char(given.report:byte(at + 1) ~ 1 << at % 8)
      list[at + 1] = {
        report = given.report:sub(1, at) .. byte .. given.report:sub(at + 2),
        certificates = given.certificates,
      }
    end
    local lenient = policy.new("p", { simulated = "allowed", consistent = false })
    for i, decision in ipairs(attest.verify_all(list, lenient, { trust = trust, now = NOW })) do
      if decision.allow or decision.genuine or decision:outcome() ~= "denied" then
        error(("byte %d: %s"):format(i - 1, tostring(decision)))
      end
    end
  end)

  describe("about a nonce", function()
    it("passes for the right one, and says what it found for another", function()
      assert.equal("pass", outcome(judge({}, nil, { nonce = NONCE }), "policy.nonce"))
      local decision = judge({}, nil, { nonce = ZERO64 })
      local one = check(decision, "policy.nonce")
      assert.same({ false, "fail", "zero (64 bytes)", snp.hex(NONCE), "report_data" },
        { decision.allow, one.status, one.expected, one.found, one.field })
    end)

    it("takes hex too, and nothing but 64 bytes", function()
      assert.is_true(judge({}, nil, { nonce = snp.hex(NONCE):upper() }).allow)
      for _, wrong in ipairs { "", NONCE:sub(2), NONCE .. "\0", snp.hex(NONCE):sub(2) } do
        local ok, message = pcall(judge, {}, nil, { nonce = wrong })
        assert.is_false(ok)
        assert.matches("nonce must be 64 bytes, or 128 hex digits", tostring(message))
      end
    end)

    it("says that none was given, even if the evidence carries one", function()
      local one = check(judge({}), "policy.nonce")
      assert.same({ "not_checked", false }, { one.status, one.decides })
      assert.matches("no nonce was given: the one that the evidence carries proves nothing",
        one.reason)
    end)

    it("denies where the policy demands one and none was given", function()
      local decision = judge { report_data = "nonce" }
      assert.equal("policy.nonce policy.report_data", reasons(decision))
      assert.is_true(judge({ report_data = "nonce" }, nil, { nonce = NONCE }).allow)
    end)

    it("denies where the evidence carries another one than it answers", function()
      local given = evidence()
      given.nonce = ZERO64
      assert.equal("evidence.nonce", reasons(judge({}, given)))
    end)
  end)

  it("compares report_data with what the policy has", function()
    assert.is_true(judge({ report_data = { ZERO64, NONCE } }).allow)
    assert.equal("policy.report_data", reasons(judge { report_data = ZERO64 }))
    assert.equal("policy.nonce", reasons(judge({ report_data = NONCE }, nil, { nonce = ZERO64 })))
  end)

  for field, size in pairs {
    measurement = 48, host_data = 32, id_key_digest = 48, author_key_digest = 48,
    family_id = 16, image_id = 16,
  } do
    it("compares " .. field .. " with one or several", function()
      local right, wrong = ("\x0b"):rep(size), ("\x0b"):rep(size - 1) .. "\x0c"
      local id, changes = "policy." .. field, { [field] = right }
      assert.equal("pass", outcome(judge({ [field] = right }, changes), id))
      assert.equal("pass", outcome(judge({ [field] = { wrong, snp.hex(right) } }, changes), id))
      local decision = judge({ [field] = { wrong, ("\xff"):rep(size) } }, changes)
      assert.equal(id, reasons(decision))
      local one = check(decision, id)
      assert.same({ snp.hex(right), field }, { one.found, one.field })
      assert.equal(snp.hex(wrong) .. " or " .. ("ff"):rep(size), one.expected)
      assert.equal("idle not_checked", outcome(judge({}, changes), id))
    end)
  end

  describe("about the chip", function()
    it("compares its id", function()
      assert.is_true(judge({ chip_id = platform.chip_id }).allow)
      assert.equal("policy.chip_id", reasons(judge { chip_id = ("\1"):rep(64) }))
    end)

    it("refuses a masked one of a VCEK's report if the policy does; it is genuine", function()
      local changes = { chip_id = ZERO64 }
      local decision = judge({ masked_chip_id = "forbidden" }, changes)
      assert.same({ "policy.masked_chip_id", true }, { reasons(decision), decision.genuine })
      assert.is_true(judge({ masked_chip_id = "allowed" }, changes).allow)
      assert.equal("pass", outcome(judge({ masked_chip_id = "forbidden" }),
        "policy.masked_chip_id"))
    end)

    it("does not look for one in a VLEK's report", function()
      local decision = judge({ masked_chip_id = "forbidden" }, { key = "vlek" })
      assert.is_true(decision.allow)
      assert.equal("idle not_checked", outcome(decision, "policy.masked_chip_id"))
    end)
  end)

  it("knows what key signed, and whose cloud it is", function()
    assert.equal("policy.signed_by", reasons(judge { signed_by = "vlek" }))
    assert.is_true(judge({ signed_by = "vlek", csp_id = { "CN=a", "CN=simulated.invalid" } },
      { key = "vlek" }).allow)
    assert.equal("policy.csp_id", reasons(judge({ csp_id = "CN=a" }, { key = "vlek" })))
    local decision = judge { csp_id = "CN=a" }
    assert.equal("policy.csp_id", reasons(decision))
    assert.matches("no VLEK", check(decision, "policy.csp_id").found)
  end)

  describe("about simulated evidence", function()
    it("denies unless the policy allows it, and says that it is simulated", function()
      local decision = judge { simulated = "forbidden" }
      assert.same({ "policy.simulated", true }, { reasons(decision), decision.simulated })
      assert.matches("simulated root not allowed", check(decision, "policy.simulated").reason)
      decision = judge {}
      assert.same({ true, true }, { decision.allow, decision.simulated })
      assert.matches("SIMULATED", decision:to_text())
      assert.matches("SIMULATED", tostring(decision))
      for _, built_in in ipairs { policy.baseline(), policy.strict() } do
        local by = attest.verify(evidence(), built_in, { trust = trust, now = NOW })
        assert.equal("policy.simulated", reasons(by))
      end
      assert.is_true(attest.verify(evidence(), "development", { trust = trust, now = NOW }).allow)
    end)

    it("denies without the emulator, whatever the policy allows", function()
      local decision = judge({}, nil, { trust = attest.trust() })
      assert.same({ false, false, true }, { decision.allow, decision.genuine,
        decision.simulated })
      assert.equal("ark.trusted policy.genuine", reasons(decision))
    end)

    it("knows it by its certificates, not by what it says of itself", function()
      local given = evidence()
      given.simulated = false
      assert.is_true(judge({}, given).simulated)
    end)
  end)

  describe("about TCBs that contradict each other", function()
    local low, high = { boot_loader = 4, tee = 0, snp = 23, microcode = 219 }, nil
    setup(function() low, high = attested.tcb(low), attested.tcb(platform.tcb) end)

    for id, changes in pairs {
      ["tcb.reported"] = function() return { committed_tcb = low } end,
      ["tcb.committed"] = function() return { current_tcb = low, launch_tcb = low } end,
      ["tcb.launch"] = function()
        return { launch_tcb = high + (1 << 48) }
      end,
      ["tcb.firmware"] = function() return { committed_build = 30 } end,
      ["policy.reserved"] = function() return { policy = 0x30000 | 1 << 26 } end,
    } do
      it("fails " .. id .. ", which is no part of being genuine", function()
        local decision = judge({}, changes())
        assert.is_true(decision.genuine)
        assert.equal(id, reasons(decision))
        local lenient = judge({ consistent = false, vmpl = { max = 0 } }, changes())
        assert.is_true(lenient.allow)
        assert.equal("idle fail", outcome(lenient, id))
      end)
    end

    it("lets a guest be older than what runs now, and what runs be provisional", function()
      assert.is_true(judge({}, { launch_tcb = low }).allow)
      assert.is_true(judge({}, { current_tcb = high + (1 << 48), current_build = 31 }).allow)
    end)
  end)

  describe("about revocation", function()
    local function with(crl, requires)
      local own = assert(attest.trust { emulator = platform, crls = { crl } })
      return judge(requires or {}, nil, { trust = own, now = attested.BEGIN + 3600 })
    end

    it("is not made without a list, and says so", function()
      local decision = judge {}
      assert.equal("idle not_checked", outcome(decision, "crl.ask_not_revoked"))
      assert.equal("no CRL was given", check(decision, "crl.ask_not_revoked").reason)
      decision = judge { crl = "required" }
      assert.equal("policy.crl", reasons(decision))
      assert.equal("no CRL was given", check(decision, "policy.crl").reason)
    end)

    it("passes with a list that does not name the key", function()
      local decision = with(assert(platform:crl()), { crl = "required" })
      assert.is_true(decision.allow)
      assert.equal("pass", outcome(decision, "policy.crl"))
    end)

    it("denies what is revoked, and a stale list, asked for or not", function()
      local revoked = assert(platform:crl { revoked = { "ask" } })
      assert.equal("crl.ask_not_revoked policy.genuine", reasons(with(revoked)))
      assert.equal("crl.ask_not_revoked policy.genuine policy.crl",
        reasons(with(revoked, { crl = "required" })))
      local stale = assert(platform:crl { next_update = attested.BEGIN + 60 })
      assert.equal("crl.validity policy.genuine policy.crl",
        reasons(with(stale, { crl = "required" })))
    end)
  end)

  describe("about runtime data", function()
    local function with(data, hash, report_data)
      local given = evidence { report_data = report_data }
      given.nonce, given.runtime_data, given.runtime_hash = nil, data, hash
      return judge({}, given, { nonce = nil })
    end

    it("passes if report_data is its hash and zeros", function()
      for hash, size in pairs { sha256 = 32, sha384 = 48, sha512 = 64 } do
        local decision = with("{}", hash, snp.digest(hash, "{}") .. ("\0"):rep(64 - size))
        assert.is_true(decision.allow)
        assert.equal("pass", outcome(decision, "evidence.runtime_data"))
      end
    end)

    it("is not genuine if it is not", function()
      local digest = snp.digest("sha256", "{}")
      for _, case in ipairs {
        { "{ }", "sha256", digest .. ("\0"):rep(32) },
        { "{}", "sha256", digest .. ("\0"):rep(31) .. "\1" },
        { "{}", "sha384", digest .. ("\0"):rep(32) },
      } do
        local decision = with(table.unpack(case))
        assert.same({ false, false, "evidence.runtime_data policy.genuine" },
          { decision.allow, decision.genuine, reasons(decision) })
      end
    end)

    it("explains why a nonce cannot be in such a report", function()
      local given = evidence { report_data = snp.digest("sha256", "{}") .. ("\0"):rep(32) }
      given.nonce, given.runtime_data, given.runtime_hash = nil, "{}", "sha256"
      local decision = judge({}, given, { nonce = NONCE })
      assert.matches("the nonce is in the TPM's quote", check(decision, "policy.nonce").reason)
    end)
  end)

  describe("in JSON", function()
    it("has the keys that programs rely on", function()
      local document = assert(json.decode(judge({}):to_json()))
      for key, value in pairs {
        version = 1, allow = true, genuine = true, simulated = true, structural = false,
        policy = "p", policy_version = json.null, product = "Milan", report_version = 3,
        signed_by = "vcek", root = "given", csp_id = json.null, missing = json.null, now = NOW,
        error = json.null, outcome = "allowed",
      } do
        assert.equal(value, document[key], key)
      end
      assert.equal("JSON bundle", document.evidence.kind)
      assert.is_true(json.is_array(document.checks))
    end)

    it("is what kavach.json makes of its table", function()
      local odd = evidence { key = "vlek" }
      odd.source = 'a "b"\\\27[2J\u{202e}\xff'
      for _, decision in ipairs {
        judge({}), judge({ vmpl = { max = 0 } }, { vmpl = 1 }), judge({}, odd),
        attest.verify "nothing",
      } do
        assert.equal(json.encode(decision:to_table()), decision:to_json())
      end
    end)

    it("has one form for the same evidence, policy and time", function()
      local given = evidence()
      assert.equal(judge({}, given):to_json(), judge({}, given):to_json())
    end)
  end)

  it("escapes what the evidence says, for people and for programs", function()
    local given = evidence()
    given.source = "a\27]0;x\7\u{202e}\u{9b}2J\xff"
    local decision = judge({}, given)
    for _, text in ipairs { decision:to_text(), tostring(decision) } do
      assert.is_nil(text:find "[\0-\9\11-\31\127\255]")
      assert.is_nil(text:find("\u{202e}", 1, true))
      assert.is_nil(text:find("\u{9b}", 1, true))
      assert.matches("a\\x1b]0;x\\x07\\u{202e}\\u{9b}2J\\xff", text, 1, true)
    end
    local document = assert(json.decode(decision:to_json()))
    assert.equal("a\\x1b]0;x\\x07\\u{202e}\\u{9b}2J\\xff", document.evidence.source)
  end)

  it("has colour only if asked", function()
    assert.is_nil(judge({}):to_text():find "\27")
    assert.matches("\27%[3", judge({}):to_text { color = true })
  end)

  it("without certificates is not made, and is not a denial", function()
    local decision = attest.verify(evidence().report, nil, { now = NOW })
    assert.same({ false, "vek", "undecided" },
      { decision.allow, decision.missing, decision:outcome() })
    assert.matches("the VCEK or VLEK is missing", tostring(decision))
    decision = attest.verify({ report = evidence { version = 2 }.report:gsub("^\2", "\9") })
    assert.equal("denied", decision:outcome())
    assert.equal("not_checked", check(decision, "policy.report").status)
  end)
end)

describe("what is no evidence", function()
  math.randomseed(7)
  local random = {}
  for i = 1, 1184 do random[i] = string.char(math.random(0, 255)) end
  random = table.concat(random)
  local good = attested.bytes()

  for name, bytes in pairs {
    ["nothing"] = "", ["one byte"] = "\2", ["a truncated report"] = good:sub(1, 1183),
    ["a report with a byte too many"] = good .. "\0", ["two reports"] = good .. good,
    ["zeros"] = ("\0"):rep(1184), ["random bytes"] = random,
    ["a report in the other byte order"] = "\0\0\0\5" .. good:sub(5),
    ["a report of a later version"] = "\6" .. good:sub(2),
    ["more than a megabyte"] = ("\2"):rep((1 << 20) + 1),
    ["deep JSON"] = ('{"a":'):rep(1000), ["deep arrays"] = '{"report":' .. ("["):rep(100000),
    ["duplicate keys"] = '{"format":"kavach-evidence","format":"kavach-evidence"}',
    ["NaN"] = '{"format":"kavach-evidence","version":NaN}',
    ["a number as the report"] =
      '{"format":"kavach-evidence","version":1,"made_by":"x","report":5}',
    ["a huge number"] = '{"format":"kavach-evidence","version":1e999}',
    ["no UTF-8"] = '{"format":"\xff"}',
  } do
    it("is denied, with a reason: " .. name, function()
      local decision = attest.verify(bytes, nil, { now = NOW })
      assert.same({ false, false }, { decision.allow, decision.genuine })
      assert.equal("denied", decision:outcome())
      assert.is_true(#decision:reasons() > 0)
      assert.is_not_nil(json.decode(decision:to_json()))
      assert.is_true(#decision:to_text() < 20000)
    end)
  end
end)

describe("attest.verify", function()
  it("raises for misuse, and names it", function()
    for text, arguments in pairs {
      ["evidence must be bytes or a table, got a number"] = { 5 },
      ["unknown option 'noce' %(did you mean 'nonce'%?%)"] = { "", nil, { noce = "" } },
      ["policy must be one of kavach.policy or a name, got a number"] = { "", 5 },
      ["there is no policy 'basline' %(did you mean 'baseline'%?%)"] = { "", "basline" },
      ["trust must be what attest.trust gives"] = { "", nil, { trust = {} } },
      ["now must be an integer"] = { "", nil, { now = 1.5 } },
      ["product must be milan, genoa or turin"] = { "", nil, { product = "naples" } },
      ["evidence: unknown option 'reports'"] = { { reports = "" } },
      ["evidence: report is required"] = { {} },
      ["certificates%[1%] must be a table"] = { { report = "", certificates = { "x" } } },
    } do
      local ok, message = pcall(attest.verify, table.unpack(arguments, 1, 3))
      assert.is_false(ok, text)
      assert.matches(text, tostring(message))
    end
  end)
end)

describe("attest.verify_all", function()
  it("gives the decisions in order, of much evidence and of none", function()
    local list = {}
    for i = 1, 300 do
      list[i] = i % 3 == 0 and "nothing" or attested.bytes { guest_svn = i }
    end
    local decisions = attest.verify_all(list, policy.new("p", { guest_svn = { min = 1 } }),
      { now = NOW })
    assert.equal(300, #decisions)
    for i, decision in ipairs(decisions) do
      if i % 3 == 0 then
        assert.equal("evidence.read", decision.checks[1].id)
      else
        assert.equal(("%d"):format(i), check(decision, "policy.guest_svn").found)
      end
    end
    assert.same({}, attest.verify_all {})
  end)
end)
