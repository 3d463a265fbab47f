local host = require "support.host"
local json = require "kavach.json"
local program = require "support.program"

describe("kavach policy check", function()
  local folder, remove

  before_each(function() folder, remove = host.folder() end)
  after_each(function() remove() end)

  local function put(name, text) return host.write(folder .. "/" .. name, text) end

  -- The findings about a policy with this text behind its name, as "line code message".
  local function findings(text, ...)
    local path = put("p.lua", 'policy "p"\n' .. text)
    local exit, out, errors = program.run("policy", "check", path, "--json", ...)
    assert.equal("", errors)
    local list = {}
    for i, one in ipairs(assert(json.decode(out)).findings) do
      assert.equal(path, one.file)
      local line = one.line ~= json.null and one.line or "-"
      list[i] = ("%s %s %s"):format(line, one.code, one.message)
    end
    assert.equal(#list > 0 and 2 or 0, exit)
    return list
  end

  local USEFUL <const> = 'rule "x" (function(e) return e.report.vmpl == 0 end)\n'

  it("finds nothing in a good policy, and says nothing then", function()
    local path = put("p.lua", 'policy "p"\nexpect { vmpl = { max = 0 } }\n' .. USEFUL)
    assert.same({ 0, "", "" }, { program.run("policy", "check", path) })
  end)

  it("has a line for each finding, with its place", function()
    local path = put("p.lua", 'policy "p"\n' .. USEFUL .. "local a = 1\n")
    local exit, out = program.run("policy", "check", path)
    assert.same({ 2, path .. ":3: unused variable 'a' [W211]\n" }, { exit, out })
  end)

  it("finds what does not load, by its place in the file where it is", function()
    assert.same({ "2 load unexpected symbol near '='" }, findings "x = = 1")
    assert.same({ "2 load expect: unknown option 'vmlp' (did you mean 'vmpl'?)" },
      findings "expect { vmlp = { max = 0 } }")
    put("base.lua", "expect { vmpl = 1 }")
    local path = put("p.lua", 'policy "p"\ninclude "base"\n')
    local exit, out = program.run("policy", "check", path)
    assert.equal(2, exit)
    assert.matches(folder .. "/base.lua:1: expect.vmpl must be a table", out, 1, true)
  end)

  it("finds fields that there are none of, and names the nearest", function()
    assert.same({
      "2 field e.report has no field 'measurment' (did you mean 'measurement'?)",
      "3 field it.guest_policy has no field 'debug' (did you mean 'debug_allowed'?)",
    }, findings [[
rule "x" (function(e) return e.report.measurment == "" end)
rule "y" (function(it) return it.guest_policy.debug == false end)
rule "z" (function(e) return e.tcb.current.snp > 3 and e.platform.SMT_EN end)
]])
  end)

  it("finds globals and functions that a policy has not", function()
    assert.same({ "2 W113 accessing undefined variable 'print'" },
      findings 'rule "x" (function(e) print(e.now) return true end)')
    assert.same({ "2 W143 accessing undefined field 'rep' of global 'string'" },
      findings 'rule "x" (function(e) return string.rep(e.nonce, 2) == "" end)')
  end)

  it("finds conditions that always come out the same", function()
    assert.same({
      "3 condition the condition '1 == 1' always comes out the same",
      "4 condition 'e.now' is compared with itself",
      "6 condition 'or true' is true whatever is before it",
    }, findings [[
rule "x" (function(e)
  if 1 == 1 then
    return e.now == e.now
  end
  return e.now > 3 or true
end)
]])
    assert.same({}, findings [[
rule "x" (function(e)
  while true do
    if e.now > e.report.vmpl then break end
  end
  return e.genuine == true or true == e.simulated
end)
]])
  end)

  it("finds rules of no use", function()
    assert.same({
      '2 rule rule "always" is of no use: it looks at nothing, and always comes out the same',
      "3 rule 'held' is held for a group, and is in none: it decides by itself",
      "3 W211 unused variable 'held'",
      "4 group any_of 'one' has one member, and is of no use",
    }, findings [[
rule "always" (function() return true end)
local held = rule "h" (function(e) return e.simulated end)
any_of "one" { rule "o" (function(e) return e.genuine end) }
]])
    assert.same({ "- rule it has no expectations and no rules: it denies everything" },
      findings "")
  end)

  it("finds data that is never used", function()
    local data = put("d.json", "{}")
    local list = findings(USEFUL, "--data", "fleet=" .. data)
    assert.matches("data 'fleet' is given, and never used", list[1], 1, true)
    assert.same({}, findings('rule "x" (function(e) return data.fleet[e.nonce] end)', "--data",
      "fleet=" .. data))
  end)

  it("is not misled by texts and comments", function()
    assert.same({}, findings(USEFUL .. [==[
-- if true then
--[[ e.report.foo or true ]]
rule "e.report.foo or true" (function(e) return e.product ~= [[ or true ]] end)
]==]))
  end)

  it("says so when luacheck is not there", function()
    local path = put("p.lua", 'policy "p"\n' .. USEFUL)
    local exit, out, errors = program.shell(("PATH=/nonexistent %s policy check %s --json")
      :format(program.absolute, path))
    assert.equal(0, exit)
    assert.is_false(assert(json.decode(out)).luacheck)
    assert.matches("luacheck was not run: install Debian's lua-check", errors, 1, true)
  end)

  it("tells what it cannot read", function()
    local exit, out, errors = program.run("policy", "check", folder .. "/none.lua")
    assert.same({ 1, "" }, { exit, out })
    assert.matches("No such file", errors)
    exit, out, errors = program.run("policy", "check", "policy.json")
    assert.same({ 64, "" }, { exit, out })
    assert.matches("ends in .lua", errors, 1, true)
  end)
end)
