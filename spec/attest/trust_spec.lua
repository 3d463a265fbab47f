local attest = require "kavach.attest"
local attested = require "support.attested"
local host = require "support.host"
local snp = require "kavach.snp"

local check, NOW = attested.check, attested.NOW

local platform, remove

local function pem(der)
  return ("-----BEGIN CERTIFICATE-----\n%s\n-----END CERTIFICATE-----\n"):format(
    snp.base64(der):gsub(("."):rep(64), "%0\n"))
end

--- Evidence without these roles.
local function without(...)
  local given = assert(attest.parse(assert(platform:evidence { report_data = attested.NONCE })))
  for _, role in ipairs { ... } do
    for i = #given.certificates, 1, -1 do
      if given.certificates[i].role == role then table.remove(given.certificates, i) end
    end
  end
  return given
end

local function judge(given, trust)
  return attest.verify(given, "development", { trust = trust, now = NOW })
end

describe("attest.trust", function()
  setup(function() platform, remove = attested.platform "turin" end)
  teardown(function() remove() end)

  it("trusts AMD's roots alone, unless told otherwise", function()
    local trust = assert(attest.trust())
    assert.equal("fail", check(judge(without(), trust), "ark.trusted").status)
    assert.is_false(judge(without()).allow)
  end)

  it("trusts an emulator that is given as such", function()
    assert.is_true(judge(without(), attest.trust { emulator = platform }).allow)
    local opened = assert(attest.emulator(platform.dir))
    assert.is_true(judge(without(), attest.trust { emulator = opened }).allow)
  end)

  it("refuses an emulator's root among the others, as DER and PEM", function()
    for _, root in ipairs { platform.certificates.ark, pem(platform.certificates.ark) } do
      local trust, why = attest.trust { roots = { root } }
      assert.is_nil(trust)
      assert.equal("invalid_argument", why.kind)
      assert.matches("root 1 is a platform emulator's", why.message)
    end
  end)

  it("takes what evidence lacks from the cache of fetched certificates", function()
    local dir, clear = host.folder()
    local cache = require("kavach.attest.cache").open(dir)
    local function keep(name, role) assert(cache:put(name, platform.certificates[role])) end
    local fields = snp.report_parse(without().report)
    keep(("vcek-Turin-%s-%016x"):format(snp.hex(fields.chip_id:sub(1, 8)), fields.reported_tcb),
      "vcek")
    local trust = assert(attest.trust { emulator = platform, cache = dir })
    -- The chain is not there, so the VCEK alone is of no use.
    assert.equal("undecided", judge(without("vcek", "ask", "ark"), trust):outcome())
    keep("ask-Turin", "ask")
    keep("ark-Turin", "ark")
    trust = assert(attest.trust { emulator = platform, cache = dir })
    for _, lacking in ipairs { { "vcek" }, { "ask", "ark" }, { "vcek", "ask", "ark" } } do
      local decision = judge(without(table.unpack(lacking)), trust)
      assert.is_true(decision.allow, tostring(decision))
    end
    -- It is looked for, not trusted: without the emulator's root all of it is worth nothing.
    assert.is_false(judge(without("vcek"), attest.trust { cache = dir }).allow)
    assert.equal("undecided",
      judge(without("vcek"), attest.trust { emulator = platform }):outcome())
    clear()
  end)

  it("takes certificates that evidence lacks, and does not trust them", function()
    local all = { platform.certificates.ask, platform.certificates.ark }
    local trust = assert(attest.trust { emulator = platform, certificates = all })
    assert.is_true(judge(without("ask", "ark"), trust).allow)
    assert.equal("ask", judge(without("ask", "ark"),
      attest.trust { emulator = platform }).missing)
    assert.equal("ark.trusted policy.genuine",
      attested.reasons(judge(without("ask", "ark"), attest.trust { certificates = all })))
  end)

  it("says which of its options is not what it should be", function()
    for text, options in pairs {
      ["attest.trust: root 1: "] = { roots = { "nonsense" } },
      ["revocation list 1: there is none in it"] = { crls = { platform.certificates.ark } },
      ["root 2: "] = { roots = { platform.certificates.ask:gsub("imulated", "imulator"), "" } },
    } do
      local trust, why = attest.trust(options)
      assert.is_nil(trust)
      assert.matches(text, why.message, 1, true)
    end
    local ok, message = pcall(attest.trust, { root = {} })
    assert.is_false(ok)
    assert.matches("did you mean 'roots'", tostring(message))
  end)

  it("remembers no verdict: another time, another decision", function()
    local trust = assert(attest.trust { emulator = platform })
    local given = without()
    for _ = 1, 3 do
      assert.is_true(attest.verify(given, "development", { trust = trust, now = NOW }).genuine)
      assert.is_false(attest.verify(given, "development",
        { trust = trust, now = attested.BEGIN - 1 }).genuine)
    end
  end)

  it("binds a Turin's eight bytes of hardware id, and zeros behind them", function()
    local trust = assert(attest.trust { emulator = platform })
    local function with(chip_id)
      local given = assert(platform:evidence { report_data = attested.NONCE, chip_id = chip_id })
      return attested.reasons(judge(given, trust))
    end
    assert.equal("", with(platform.chip_id))
    assert.equal("bind.chip_id policy.genuine", with(platform.chip_id:sub(1, 63) .. "\1"))
    local other = string.char(platform.chip_id:byte(1) ~ 1)
    assert.equal("bind.chip_id policy.genuine", with(other .. platform.chip_id:sub(2)))
  end)
end)
