local attest = require "kavach.attest"
local attested = require "support.attested"
local host = require "support.host"
local policy = require "kavach.attest.policy"

local check, reasons = attested.check, attested.reasons

--- A folder for policies, with functions to write files into it and to load one.
local function workshop()
  local folder, remove = host.folder()
  local self = { folder = folder, remove = remove }
  function self.write(name, text)
    local file <close> = assert(io.open(folder .. "/" .. name, "wb"))
    file:write(text)
    return folder .. "/" .. name
  end
  function self.load(text, options)
    return policy.load(self.write("p.lua", text), options)
  end
  return self
end

describe("a policy in Lua", function()
  local platform, remove, evidence, options, shop

  setup(function()
    local text
    platform, remove = attested.platform "milan"
    text = assert(platform:evidence { report_data = attested.NONCE, guest_svn = 3 })
    evidence = assert(attest.parse(text))
    options = { now = attested.NOW, trust = assert(attest.trust { emulator = platform }) }
    shop = workshop()
  end)

  teardown(function()
    shop.remove()
    remove()
  end)

  local HEAD <const> = 'policy "p"\nexpect { simulated = "allowed" }\n'

  -- The decision by a policy with this text behind its name.
  local function decide(text, given, more)
    local loaded <close> = assert(shop.load(HEAD .. text, given))
    local about = {}
    for key, value in pairs(options) do about[key] = value end
    for key, value in pairs(more or {}) do about[key] = value end
    return loaded:evaluate(evidence, about)
  end

  local function refused(text, given)
    local loaded, why = shop.load(text, given)
    assert.is_nil(loaded)
    return why.message, why.kind
  end

  describe("has", function()
    it("a name, a version and a description", function()
      local loaded <close> = assert(shop.load [[
        policy "web tier"
        version "3.1"
        description "no debug"
        rule "x" (function() return true end)
      ]])
      assert.same({ "web tier", "3.1", "no debug" },
        { loaded.name, loaded.version, loaded.script.description })
    end)

    it("a digest, by its files and their order alone", function()
      shop.write("base.lua", 'rule "b" (function() return true end)')
      local text = HEAD .. 'include "base"\nrule "x" (function() return true end)'
      local one <close> = assert(shop.load(text))
      local two <close> = assert(shop.load(text))
      assert.equal(64, #one.digest)
      assert.equal(one.digest, two.digest)
      shop.write("base.lua", 'rule "c" (function() return true end)')
      local three <close> = assert(shop.load(text))
      assert.not_equal(one.digest, three.digest)
    end)

    for text, message in pairs {
      ['rule "x" (function() return true end)'] = 'p.lua: a policy begins with its name',
      ['policy "p"\npolicy "q"'] = "p.lua:2: policy: there is one already: 'p'",
      ['policy "a/b"'] = "policy must be up to 64 letters",
      ['policy "p"\nversion "1 2"'] = "version must be up to 64",
      ['policy(5)'] = "policy: text is needed, not a number",
      ['policy "p"\nrule "x"'] = "p.lua:2: rule 'x' has no function",
      ['policy "p"\nrule "x" (true)'] = "rule 'x': a function is needed, not a boolean",
      ['policy "p"\nany_of "x" {}'] = "any_of 'x': a list of members is needed",
      ['policy "p"\nany_of "x"'] = "p.lua:2: any_of 'x' has no members",
      ['policy "p"\nlocal r = rule "x" (print)'] = "there is no 'print' in a policy",
      ['policy "p"\nrule "x" (function() end)\nrule "x" (function() end)'] =
        "there is a rule 'x' already, in line 2 of p.lua",
      ['policy "p"\nexpect { mesurement = "" }'] =
        "p.lua:2: expect: unknown option 'mesurement' (did you mean 'measurement'?)",
      ['policy "p"\nexpect { vmpl = { max = 9 } }'] =
        "p.lua:2: expect.vmpl.max must be an integer, at least 0 and at most 3",
      ['policy "p"\nexpect { guest_policy = { debug_alowed = false } }'] =
        "did you mean 'debug_allowed'",
      ['policy "p"\nexpect { vmpl = { max = 0 } }\nexpect { vmpl = { max = 1 } }'] =
        "p.lua:3: expect: vmpl.max is 0 in another expect: it cannot be 1, too",
      ['policy "p"\nany_of "x" { expect { genuine = true } }'] =
        "expect in a group: 'genuine' is for the policy as a whole",
      ['policy "p"\nreturn ('] = "p.lua:2: unexpected symbol near",
    } do
      it("nothing wrong with it, or does not load: " .. message, function()
        local found, kind = refused(text)
        assert.is_truthy(found:find(message, 1, true), found)
        assert.equal("invalid_argument", kind)
      end)
    end

    it("a file that can be read, or gives an error of kind io", function()
      local loaded, why = policy.load(shop.folder .. "/none.lua")
      assert.is_nil(loaded)
      assert.equal("io", why.kind)
    end)

    it("options that are known", function()
      assert.has_error(function() policy.load("p.lua", { isolated = true }) end,
        "policy.load: unknown option 'isolated' (did you mean 'isolate'?)")
      assert.has_error(function() policy.load("p.lua", { data = { ["a-b"] = "x" } }) end,
        "policy.load: data: 'a-b' must be a name: letters, digits and _")
      assert.has_error(function() policy.load("p.json", { data = {} }) end,
        "policy.load: option 'data' is for policies in Lua")
    end)
  end)

  describe("expects", function()
    it("what any policy can require", function()
      local decision = decide 'expect { vmpl = { max = 0 }, guest_svn = { min = 4 } }'
      assert.equal("policy.guest_svn", reasons(decision))
      assert.equal("pass", check(decision, "policy.vmpl").status)
    end)

    it("by default that evidence is genuine, real and consistent", function()
      local loaded <close> = assert(shop.load 'policy "p"\nrule "x" (function() return true end)')
      assert.same({ true, "forbidden", true },
        { loaded.requires.genuine, loaded.requires.simulated, loaded.requires.consistent })
      assert.equal("policy.simulated", reasons(loaded:evaluate(evidence, options)))
    end)

    it("the sum of all its expectations, those of other files too", function()
      shop.write("base.lua", 'policy "base"\nexpect { guest_policy = { debug_allowed = false } }')
      local loaded <close> = assert(shop.load(HEAD .. [[
        include "base"
        expect { guest_policy = { cxl_allowed = false }, vmpl = { max = 0 } }
      ]]))
      assert.same({ debug_allowed = false, cxl_allowed = false }, loaded.requires.guest_policy)
      assert.equal("p", loaded.name)
    end)

    it("something, or denies", function()
      for _, text in ipairs { 'policy "p"', 'policy "p"\nexpect {}', 'policy "p"\nlocal x = 1' } do
        local loaded <close> = assert(shop.load(text))
        assert.is_truthy(reasons(loaded:evaluate(evidence, options)):find "policy.empty")
      end
    end)
  end)

  describe("includes", function()
    it("a file once, however often it is asked for", function()
      shop.write("base.lua", 'rule "b" (function() return true end)')
      shop.write("other.lua", 'include "base"')
      local decision = decide 'include "base"\ninclude "other"'
      assert.is_true(decision.allow)
    end)

    it("no file that is not there, and says who asked for it", function()
      shop.write("middle.lua", '\ninclude "gone"')
      local message = refused 'policy "p"\ninclude "middle"'
      local chain = "middle.lua:2: include: p.lua → middle.lua → gone.lua"
      assert.is_truthy(message:find(chain, 1, true), message)
      assert.is_truthy(message:find("No such file", 1, true), message)
    end)

    it("nothing in a circle", function()
      shop.write("a.lua", 'include "b"')
      shop.write("b.lua", 'include "a"')
      assert.is_truthy(refused('policy "p"\ninclude "a"')
        :find("include: a cycle: p.lua → a.lua → b.lua → a.lua", 1, true))
    end)
  end)

  describe("has rules that", function()
    it("allow if all return true", function()
      local decision = decide [[
        rule "one" (function(e) return e.report.vmpl == 0 end)
        rule "two" (function(e) return e.report.guest_svn == 3 end)
      ]]
      assert.is_true(decision.allow)
      assert.equal("pass", check(decision, "rule.one").status)
    end)

    for body, reason in pairs {
      ["return false"] = "it returned false", ["return nil"] = "it returned nothing",
      [""] = "it returned nothing", ["return 1"] = "a number is not true",
      ['return "true"'] = "a string is not true", ["return false, 'too old'"] = "too old",
      ["return nil, 'too old'"] = "too old", ["error 'broken'"] = "p.lua:3: broken",
      ["error({})"] = "an error that is a table",
      ["return e.report.measurment"] =
        "p.lua:3: report has no field 'measurment' (did you mean 'measurement'?)",
      ["return e.platfrom.SMT_EN"] =
        "p.lua:3: the evidence has no field 'platfrom' (did you mean 'platform'?)",
      ["while true do end"] = "its budget of steps is spent",
    } do
      it("deny, with a reason: " .. reason, function()
        local found = check(decide(('rule "x" (function(e) %s end)'):format(body)), "rule.x")
        assert.same({ "fail", reason }, { found.status, found.reason })
      end)
    end

    it("are all evaluated, whatever the others say", function()
      local decision = decide [[
        rule "first" (function() return false end)
        rule "second" (function() error "no" end)
        rule "third" (function() return true end)
        rule "fourth" (function() return false end)
      ]]
      assert.equal("rule.first rule.second rule.fourth", reasons(decision))
    end)

    it("are not evaluated behind one that has spent the budget, and deny", function()
      local decision = decide [[
        rule "first" (function() while true do end end)
        rule "second" (function() return true end)
      ]]
      assert.equal("rule.first rule.second", reasons(decision))
      assert.equal("not_checked", check(decision, "rule.second").status)
    end)

    it("deny where the budget ends, in a group that passes, too", function()
      local decision = decide [[
        any_of "either" {
          rule "first" (function() return true end),
          rule "second" (function() while true do end end),
        }
      ]]
      assert.equal("pass", check(decision, "any_of.either").status)
      assert.equal("rule.second", reasons(decision))
    end)

    it("tell what they read if they deny", function()
      local found = check(decide([[
        rule "x" (function(e) return e.report.vmpl == 1 or data.known[e.product] == true end)
      ]], { data = { known = shop.write("known.json", '{"Genoa": true}') } }), "rule.x").found
      assert.equal("report.vmpl = 0, product = Milan, data.known.Milan = nil", found)
    end)

    it("see evidence, and nothing that could differ from one evaluation to the next", function()
      local decision = decide([[
        rule "x" (function(e)
          assert(e.now == 1710000000 and e.product == "Milan" and e.signed_by == "vcek")
          assert(e.genuine and e.simulated and e.root == "given")
          assert(e.csp_id == nil and e.missing == nil and e.runtime_data == nil)
          assert(e.nonce == e.report.report_data and #e.nonce == 128)
          assert(e.guest_policy.debug_allowed == false and e.guest_policy.abi_major >= 0)
          assert(e.tcb.reported.snp >= 0 and e.tcb.reported.fmc == nil)
          assert(e.platform.unknown_bits == 0)
          assert(#e.certificates == 3 and e.certificates[4] == nil)
          assert(e.certificates[1].role == "vcek" and e.certificates[1].not_before < e.now)
          assert(e.report.launch_mit_vector == nil)
          assert(#e.report.chip_id == 128 and e.report.chip_id:lower() == e.report.chip_id)
          return true
        end)
      ]], nil, { nonce = attested.NONCE })
      assert.is_true(decision.allow, decision:to_text())
    end)

    it("go through evidence, data and tables in the order of their names", function()
      local decision = decide([[
        local function in_order(t)
          local last, count = "", 0
          for key in pairs(t) do
            assert(last < key, key)
            last, count = key, count + 1
          end
          return count
        end
        rule "x" (function(e)
          assert(in_order(e.report) > 20 and in_order(data.known) == 3)
          assert(in_order { z = 1, a = 2, [("m"):upper()] = 3 } == 3)
          local list = {}
          for _, item in ipairs(data.list) do list[#list + 1] = item end
          return table.concat(list, " ") == "3 1 2"
        end)
      ]], { data = {
        known = shop.write("known.json", '{"c": 1, "a": {"x": [1]}, "b": null}'),
        list = shop.write("list.json", "[3, 1, 2]"),
      } })
      assert.is_true(decision.allow, decision:to_text())
    end)

    it("match text without patterns", function()
      local decision = decide [[
        rule "x" (function()
          local s = "aws-eu-west-1"
          assert(contains(s, "eu") and s:contains "eu" and not s:contains "us")
          assert(s:starts_with "aws" and not s:starts_with "eu" and s:starts_with "")
          assert(s:ends_with "-1" and not s:ends_with "-2")
          assert(s:glob "aws-*-1" and s:glob "*" and s:glob "aws-??-west-?")
          assert(not s:glob "aws" and not s:glob "aws-*-2" and not s:glob "?")
          assert((""):glob "" and (""):glob "*" and not (""):glob "?")
          return glob("a.b", "a.b") and not glob("axb", "a.b")
        end)
      ]]
      assert.is_true(decision.allow, decision:to_text())
    end)
  end)

  describe("has groups:", function()
    it("any_of needs one", function()
      local text = [[
        any_of "a host that we know" {
          rule "by name" (function() return %s end),
          rule "by number" (function() return false end),
        }
      ]]
      local allowed, denied = decide(text:format "true"), decide(text:format "false")
      assert.is_true(allowed.allow)
      assert.equal("any_of.a_host_that_we_know rule.by_name rule.by_number", reasons(denied))
      assert.equal("0 of 2 pass", check(denied, "any_of.a_host_that_we_know").found)
    end)

    it("all_of needs all, and stands in others", function()
      local text = [[
        any_of "either" {
          all_of "both" {
            rule "a" (function() return true end),
            rule "b" (function() return %s end),
          },
          rule "c" (function() return false end),
        }
      ]]
      assert.is_true(decide(text:format "true").allow)
      assert.equal("any_of.either all_of.both rule.b rule.c",
        reasons(decide(text:format "false")))
    end)

    it("expectations are members, too", function()
      local text = [[
        any_of "signed as we like it" {
          expect { signed_by = "%s" },
          expect { guest_svn = { min = 9 } },
        }
      ]]
      assert.is_true(decide(text:format "vcek").allow)
      local denied = decide(text:format "vlek")
      assert.is_false(denied.allow)
      assert.is_truthy(check(denied, "expect.p_lua_4").found:find("policy.signed_by", 1, true))
    end)

    it("a member that fails by an error does not pass", function()
      assert.is_false(decide 'any_of "x" { rule "a" (function() error "no" end) }'.allow)
    end)
  end)

  describe("has data that", function()
    it("rules look things up in, with its digest in the decision", function()
      local path = shop.write("released.json", '{"Milan": {"floor": 3}}')
      local decision = decide([[
        rule "x" (function(e) return e.report.guest_svn >= data.released[e.product].floor end)
      ]], { data = { released = path } })
      assert.is_true(decision.allow)
      local snp = require "kavach.snp"
      assert.same({ released = snp.hex(snp.sha256 '{"Milan": {"floor": 3}}') }, decision.data)
    end)

    it("has to be given", function()
      local found = check(decide('rule "x" (function() return data.fleat[1] end)',
        { data = { fleet = shop.write("fleet.json", "{}") } }), "rule.x")
      assert.equal("p.lua:3: there is no data 'fleat' (did you mean 'fleet'?): it is given with "
        .. "--data fleat=FILE", found.reason)
    end)

    it("is JSON, or the policy does not load", function()
      for text, message in pairs {
        ['{"a": 1, "a": 2}'] = "duplicate key", ["[1, 2"] = "expected ',' or ']'",
        ['{"a": 01}'] = "invalid value", ["9223372036854775808"] = "integer beyond 64 bits",
        ['"\255"'] = "invalid UTF-8", ['"\\ud800"'] = "invalid escape",
        ["1 2"] = "more after the end", [""] = "unexpected end", ["NaN"] = "invalid value",
        [("["):rep(40)] = "nested too deep",
      } do
        local found = refused('policy "p"', { data = { d = shop.write("d.json", text) } })
        assert.is_truthy(found:find("data 'd': " .. message, 1, true), found)
      end
    end)

    it("is what kavach.json makes of it", function()
      local decision = decide([[
        rule "x" (function()
          local d = data.d
          assert(d.int == -9223372036854775807 - 1 and math.type(d.int) == "integer")
          assert(d.float == 0.5 and d.exp == 1200.0 and math.type(d.exp) == "float")
          assert(d.text == "a\"\\/\b\f\n\r\té€😀" and d.yes == true and d.no == false)
          assert(d.null == nil and #d.list == 2 and d.list[2].x == "y" and #d.empty == 0)
          return d.none == nil and d.list[3] == nil and d.list.x == nil and d[1] == nil
        end)
      ]], { data = { d = shop.write("d.json", [[{
        "int": -9223372036854775808, "float": 0.5, "exp": 1.2e3, "yes": true, "no": false,
        "text": "a\"\\\/\b\f\n\r\t\u00e9\u20ac\ud83d\ude00", "null": null,
        "list": [1, {"x": "y"}], "empty": [] }]]) } })
      assert.is_true(decision.allow, decision:to_text())
    end)

    it("has no null in a list, where ipairs would end", function()
      local decision = decide([[
        rule "ipairs" (function() for _ in ipairs(data.d.list) do end return true end)
        rule "pairs" (function() for _ in pairs(data.d.list) do end return true end)
      ]], { data = { d = shop.write("d.json", '{"list": [1, null, 2]}') } })
      assert.equal("data.d.list has a null as its item 2", check(decision, "rule.ipairs").reason)
      assert.equal("p.lua:4: data.d.list has a null as its item 2",
        check(decision, "rule.pairs").reason)
    end)

    it("can be read, or gives an error of kind io", function()
      local _, kind = refused('policy "p"', { data = { d = shop.folder .. "/none.json" } })
      assert.equal("io", kind)
    end)
  end)

  describe("decides", function()
    local TEXT <const> = [[
      rule "x" (function(e) for _ = 1, 1000 do end return false, tostring({}) end)
      rule "y" (function(e) return data.d.a == 2 end)
    ]]

    it("the same each time, here and in a worker", function()
      local given = { data = { d = shop.write("d.json", '{"a": 1}') } }
      local seen = {}
      for _, isolate in ipairs { true, false, true } do
        given.isolate = isolate
        local loaded <close> = assert(shop.load(HEAD .. TEXT, given))
        for _ = 1, 3 do seen[#seen + 1] = loaded:evaluate(evidence, options):to_json() end
      end
      for i = 2, #seen do assert.equal(seen[1], seen[i]) end
      assert.is_truthy(seen[1]:find '"spent":{"memory":%d+,"steps":%d+}')
    end)

    it("in a document that is what kavach.json makes of its table", function()
      local decision = decide 'rule "a \\"quoted\\" name é" (function() return false, "\\1" end)'
      assert.equal(require("kavach.json").encode(decision:to_table()), decision:to_json())
    end)

    it("on much evidence at once", function()
      local loaded <close> = assert(shop.load(HEAD .. [[
        rule "x" (function(e) return e.report.guest_svn == 3 end)
      ]]))
      local list = {}
      for i = 1, 70 do list[i] = evidence end
      list[50] = assert(platform:evidence { report_data = attested.NONCE, guest_svn = 4 })
      list[60] = "no evidence"
      for i, decision in ipairs(attest.verify_all(list, loaded, options)) do
        assert.equal(i ~= 50 and i ~= 60, decision.allow)
      end
    end)

    it("nothing on a report alone", function()
      local loaded <close> = assert(shop.load(HEAD .. 'rule "x" (function() return true end)'))
      assert.is_truthy(reasons(loaded:verify_against(attested.report())):find "policy.rules")
    end)

    it("within the budget that it is given", function()
      local text = HEAD .. 'rule "x" (function() for _ = 1, 20000 do end return true end)'
      local small <close> = assert(shop.load(text, { steps = 10000 }))
      local large <close> = assert(shop.load(text, { steps = 100000 }))
      assert.is_false(small:evaluate(evidence, options).allow)
      assert.is_true(large:evaluate(evidence, options).allow)
    end)
  end)
end)
