local host = require "support.host"
local json = require "kavach.json"
local run = require("support.policy_program").run

local POLICY <const> = [[
policy "web"
expect { vmpl = { max = 0 } }
local function known(e)
  if data.released[e.report.measurement] == nil then
    return false
  end
  return true
end
rule "our image" (function(e)
  return known(e), "not released"
end)
]]

local GOOD <const> = [[
local ours = filled("ab", 48)
given { data = { released = { [ours] = true } } }
describe("web", function()
  it("allows ours", function()
    local decision = assert.allowed(evidence.genuine { measurement = ours })
    assert.is_true(decision.genuine)
    assert.same({}, decision.denied_by)
  end)
  cases {
    { "denies others", evidence.genuine {}, denied = "our image", because = "not released" },
    { "denies VMPL 1", evidence.genuine { measurement = ours, vmpl = 1 }, denied = "policy.vmpl" },
  }
end)
]]

describe("kavach policy test", function()
  local folder, remove

  before_each(function() folder, remove = host.folder() end)
  after_each(function() remove() end)

  local function put(name, text) return host.write(folder .. "/" .. name, text) end

  local function test(text, ...)
    put("web.lua", POLICY)
    put("web_test.lua", text)
    return run("policy", "test", folder, ...)
  end

  -- The message of the only test of a file with this body, which must fail.
  local function failure(body)
    local exit, out = test(('it("x", function()\n%s\nend)'):format(body), "--json")
    assert.equal(2, exit)
    local file = assert(json.decode(out)).files[1]
    assert.is_false(file.tests[1] and file.tests[1].passed or false)
    return file.tests[1] and file.tests[1].message or file.error
  end

  it("runs the tests in a folder, a test's own file, and that beside a policy", function()
    local exit, out, errors = test(GOOD)
    assert.same({ 0, "" }, { exit, errors })
    assert.matches("web_test.lua: 3 passed, 0 failed\n3 passed, 0 failed\n", out, 1, true)
    assert.same({ 0, out, "" }, { run("policy", "test", folder .. "/web_test.lua") })
    assert.same({ 0, out, "" }, { run("policy", "test", folder .. "/web.lua") })
  end)

  it("says what failed, and where", function()
    local exit, out = test(GOOD .. 'it("fails", function()\n'
      .. '  assert.allowed(evidence.genuine {})\nend)\n')
    assert.equal(2, exit)
    assert.matches("  ✗ fails\n      web_test.lua:15: denied by rule.our_image (not released)\n",
      out, 1, true)
  end)

  it("runs those that are asked for", function()
    local exit, out = test(GOOD, "--run", "^web denies")
    assert.equal(0, exit)
    assert.matches("2 passed, 0 failed\n$", out)
    local errors
    exit, out, errors = test(GOOD, "--run", "nothing like it")
    assert.equal(1, exit)
    assert.matches("there is no such test", errors)
    assert.matches("0 passed", out)
    exit = test(GOOD, "--run", "(")
    assert.equal(64, exit)
  end)

  it("tells which lines and rules the tests have seen", function()
    local exit, out = test(GOOD, "--coverage", "--run", "allows", "--threshold", "80")
    assert.equal(2, exit)
    assert.matches("web.lua: lines 88% (8 of 9), rules 50% (2 of 4 outcomes)", out, 1, true)
    assert.matches("lines that did not run: 5\n", out, 1, true)
    assert.matches("never seen to deny: policy.vmpl, rule.our_image\n", out, 1, true)
    assert.matches("below the threshold of 80%: ", out, 1, true)
    exit, out = test(GOOD, "--threshold", "100")
    assert.equal(0, exit)
    assert.matches("lines 100% (9 of 9), rules 100% (4 of 4 outcomes)", out, 1, true)
  end)

  it("does not reach a threshold with a policy that no test loads", function()
    put("other.lua", 'policy "other"\nrule "x" (function() return true end)')
    local exit, out = test(GOOD, "--threshold", "1")
    assert.equal(2, exit)
    assert.matches("other.lua: no test has loaded it\n", out, 1, true)
  end)

  it("writes JUnit's XML", function()
    local path = folder .. "/out.xml"
    local exit = test(GOOD .. 'it("<fails> & \\"so\\"", function() error "a < b" end)', "--junit",
      path)
    assert.equal(2, exit)
    local text = host.slurp(path)
    assert.matches('<testsuites tests="4" failures="1">', text, 1, true)
    assert.matches('<testcase name="&lt;fails&gt; &amp; &quot;so&quot;" classname=', text, 1, true)
    assert.matches('<failure message="web_test.lua:14: a &lt; b"/>', text, 1, true)
    local errors
    local _
    exit, _, errors = test(GOOD, "--junit", folder .. "/none/out.xml")
    assert.equal(1, exit)
    assert.matches("--junit: ", errors, 1, true)
  end)

  it("has a document with --json", function()
    local exit, out = test(GOOD, "--json", "--coverage")
    assert.equal(0, exit)
    local document = assert(json.decode(out))
    assert.same({ 1, true, 3, 0, json.null },
      { document.version, document.good, document.passed, document.failed, document.below })
    assert.equal("web allows ours", document.files[1].tests[1].name)
    assert.equal(4, document.files[1].tests[1].line)
    assert.same({ outcomes = 4, seen = 4, never_passed = {}, never_denied = {} },
      document.coverage[1].rules)
  end)

  it("says what is wrong with the evidence that a test asks for", function()
    assert.matches("^web_test.lua:2: evidence.genuine: unknown option 'measurment' "
      .. "%(did you mean 'measurement'%?%)$",
      failure 'evaluate(evidence.genuine { measurment = "" })')
    assert.matches("guest_policy: unknown option 'debug'",
      failure 'evaluate(evidence.genuine { guest_policy = { debug = true } })', 1, true)
    assert.matches("measurement must be 96 hex digits",
      failure 'evaluate(evidence.genuine { measurement = "00" })', 1, true)
    assert.matches("a function is no value of it",
      failure 'evaluate(evidence.genuine { vmpl = pairs })', 1, true)
    assert.matches("is not below the test's folder",
      failure 'evaluate(evidence.file "../x")', 1, true)
  end)

  it("fails a test that denies for another reason than it says", function()
    put("web.lua", POLICY)
    local message = failure 'assert.denied(evidence.simulated {}, "policy.vmpl")'
    assert.matches("there is no data 'released'", message, 1, true)
    assert.matches("policy.simulated", message, 1, true)
    assert.matches(", not by policy.vmpl", message, 1, true)
  end)

  it("contains a test file as it does a policy", function()
    assert.matches("there is no 'io'", failure 'io.open "/etc/passwd"', 1, true)
    assert.matches("there is no 'os'", failure "os.exit(0)", 1, true)
    assert.matches("a test states nothing of a policy", failure 'rule "x"', 1, true)
    local message = failure "while true do end"
    assert.is_not_nil(message:find "budget of steps is spent" or message:find "not done within")
  end)

  it("cannot be made to pass by catching what stops a test", function()
    local exit, out = test [[
      it("x", function()
        pcall(function() assert.allowed(evidence.simulated {}) end)
        assert.allowed(evidence.simulated {})
      end)
    ]]
    assert.equal(2, exit)
    assert.matches("denied by ", out, 1, true)
  end)

  it("says why a policy or a test file does not load", function()
    local exit, out = test "it("
    assert.equal(2, exit)
    assert.matches("web_test.lua:1: ", out, 1, true)
    put("web.lua", "policy 'web'\nrul 'x'")
    put("web_test.lua", GOOD)
    exit, out = run("policy", "test", folder)
    assert.equal(2, exit)
    assert.matches("there is no 'rul' in a policy (did you mean 'rule'?)", out, 1, true)
  end)

  it("finds nothing where there is nothing", function()
    local exit, out, errors = run("policy", "test", folder)
    assert.same({ 1, "" }, { exit, out })
    assert.matches("there is no file with tests", errors)
    local _
    exit, _, errors = run("policy", "test", folder .. "/none.lua")
    assert.equal(1, exit)
    assert.matches("No such file", errors)
    put("web.lua", POLICY)
    exit, _, errors = run("policy", "test", folder .. "/web.lua")
    assert.equal(1, exit)
    assert.matches("there is no .*web_test.lua beside it", errors)
  end)
end)
