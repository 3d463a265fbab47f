local attested = require "support.attested"
local host = require "support.host"
local json = require "kavach.json"
local program = require "support.program"

local NOW <const> = tostring(attested.NOW)

local POLICY <const> = [[
policy "web"
version "3"
expect { simulated = "allowed", guest_policy = { debug_allowed = false } }
rule "our image" (function(e)
  return data.released[e.report.measurement] == true, "not in the release list"
end)
any_of "a known host" {
  rule "of the fleet" (function(e) return e.report.vmpl == 9 end),
  rule "new enough" (function(e) return e.report.guest_svn >= 0 end),
}
]]

describe("kavach policy explain", function()
  local platform, remove_platform, folder, remove

  setup(function() platform, remove_platform = attested.platform "milan" end)
  teardown(function() remove_platform() end)
  before_each(function() folder, remove = host.folder() end)
  after_each(function() remove() end)

  local function put(name, text) return host.write(folder .. "/" .. name, text) end

  local function evidence(options)
    options = options or {}
    options.report_data = attested.NONCE
    return put("ev.json", assert(platform:evidence(options)))
  end

  local function explain(...)
    return program.run("policy", "explain", "--now", NOW, "--emulator", platform.dir, ...)
  end

  local function released(measurement)
    local list = { [measurement or "none"] = true }
    return "released=" .. put("released.json", assert(json.encode(list)))
  end

  it("marks what is met and what is not, with what was expected and found", function()
    local exit, out, errors = explain("development", evidence { policy = 0xb0000 })
    assert.same({ 2, "" }, { exit, errors })
    assert.matches("by policy development: DENIED\n", out, 1, true)
    assert.matches("  ✗ debug is not allowed [policy.debug_allowed]\n      bit       19 of POLICY\n"
      .. "      expected  DEBUG clear\n      found     DEBUG set\n", out, 1, true)
    assert.matches("  ✓ the report is genuine [policy.genuine]\n", out, 1, true)
    assert.matches("\ndenied: policy.debug_allowed\n", out, 1, true)
  end)

  it("shows what a rule that denies has read, and why it denies", function()
    local path = put("web.lua", POLICY)
    local exit, out = explain(path, evidence(), "--data", released())
    assert.equal(2, exit)
    assert.matches("✗ our image [rule.our_image]\n      why       not in the release list\n"
      .. "      read      report.measurement = 000", out, 1, true)
    assert.matches("\n                data.released.0+ = nil\n", out)
    assert.matches("✓ a known host", out, 1, true)
    assert.matches("✗ of the fleet [rule.of_the_fleet]  (another way is met)", out, 1, true)
    assert.matches("data released %(sha256 %x+…%)", out)
    assert.matches("its rules took %d+ steps", out)
  end)

  it("exits with 0 when it is allowed, and 1 when there is nothing to read", function()
    local path = put("web.lua", POLICY)
    local exit, out = explain(path, evidence(), "--data", released(("0"):rep(96)))
    assert.equal(0, exit)
    assert.matches("by policy web 3 %(sha256 %x+…%): ALLOWED\n", out)
    assert.matches("allowed: all of it is met\n", out)
    exit, out = explain("strict", folder .. "/none")
    assert.equal(1, exit)
    assert.matches("No such file", out)
  end)

  it("denies what does not load as a policy, and names what is none", function()
    local exit, out = explain(put("bad.lua", "policy 'x'\nrule("), evidence())
    assert.equal(2, exit)
    assert.matches("bad.lua:2: ", out, 1, true)
    local errors
    exit, out, errors = explain("strct", evidence())
    assert.same({ 64, "" }, { exit, out })
    assert.matches("did you mean 'strict'", errors)
  end)

  it("has the document of verify with --json", function()
    local path = evidence()
    local exit, out = explain("strict", path, "--json")
    local _, verified = program.run("verify", "--now", NOW, "--emulator", platform.dir, path,
      "--json", "--policy", "strict")
    assert.equal(2, exit)
    assert.equal(verified, out)
  end)

  it("logs what it decides before it says so", function()
    local log = folder .. "/log"
    local exit = explain("strict", evidence(), "--decision-log", log)
    assert.equal(2, exit)
    assert.is_false(assert(json.decode((host.slurp(log):gsub("\n$", "")))).allow)
    local out, errors
    exit, out, errors = explain("strict", evidence(), "--decision-log", "/dev/full")
    assert.same({ 1, "" }, { exit, out })
    assert.matches("decision log: /dev/full: No space left", errors)
  end)

  it("keeps what a policy says from moving the terminal", function()
    local path = put("esc.lua", 'policy "e"\nexpect { simulated = "allowed" }\n'
      .. 'rule "x" (function() return false, "\\27[2J" end)')
    local exit, out = explain(path, evidence())
    assert.equal(2, exit)
    assert.matches("why       \\x1b[2J", out, 1, true)
    assert.not_matches("\27", out)
  end)
end)
