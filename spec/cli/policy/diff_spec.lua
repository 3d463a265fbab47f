local attested = require "support.attested"
local host = require "support.host"
local json = require "kavach.json"
local program = require "support.program"

local NOW <const> = tostring(attested.NOW)

describe("kavach policy diff", function()
  local platform, remove_platform, folder, remove, good, debug

  setup(function()
    platform, remove_platform = attested.platform "milan"
    folder, remove = host.folder()
    local function evidence(name, options)
      options.report_data = attested.NONCE
      return host.write(folder .. "/" .. name, assert(platform:evidence(options)))
    end
    good, debug = evidence("good.json", {}), evidence("debug.json", { policy = 0xb0000 })
  end)

  teardown(function()
    remove()
    remove_platform()
  end)

  local function policy(name, text)
    local head = ('policy "%s"\nexpect { simulated = "allowed" }\n'):format(name)
    return host.write(("%s/%s.lua"):format(folder, name), head .. text)
  end

  local function diff(...)
    return program.run("policy", "diff", "--now", NOW, "--emulator", platform.dir, ...)
  end

  it("says that nothing changes, and exits with 0", function()
    assert.same({ 0, "0 of 2 decisions change, 0 have other reasons\n", "" },
      { diff("development", "development", good, debug) })
  end)

  it("has a line for each decision that changes, or has other reasons", function()
    local new = policy("new", "expect { guest_svn = { min = 3 } }")
    local exit, out = diff("development", new, good, debug)
    assert.equal(2, exit)
    assert.same(good .. ": allowed → denied by policy.guest_svn\n"
      .. debug .. ": denied either way, now by policy.guest_svn, before by policy.debug_allowed\n"
      .. "1 of 2 decisions change, 1 have other reasons\n", out)
  end)

  it("exits with 0 where only reasons change", function()
    local old = policy("old", "expect { guest_svn = { min = 3 } }")
    local exit = diff(old, "strict", good)
    assert.equal(0, exit)
  end)

  it("has a document a line with --json", function()
    local exit, out = diff("strict", "development", good, "--json")
    assert.equal(2, exit)
    assert.same({
      version = 1, evidence = good, change = "decision",
      old = { outcome = "denied", reasons = { "policy.simulated" } },
      new = { outcome = "allowed", reasons = {} },
    }, (assert(json.decode(out))))
  end)

  it("gives data to both", function()
    local data = host.write(folder .. "/d.json", '{ "limit": 0 }')
    local new = policy("data", 'rule "x" (function(e) return e.report.vmpl <= data.d.limit end)')
    local exit = diff("development", new, good, "--data", "d=" .. data)
    assert.equal(0, exit)
    local _, _, errors = diff("development", "strict", good, "--data", "d=" .. data)
    assert.matches("--data is for the rules of a policy in Lua", errors, 1, true)
  end)

  it("tells what cannot be read", function()
    local exit, _, errors = diff("strict", folder .. "/none.lua", good)
    assert.equal(1, exit)
    assert.matches("NEW: .*No such file", errors)
    exit, _, errors = diff("strict", "development", folder .. "/none.json")
    assert.equal(1, exit)
    assert.matches("none.json", errors)
  end)
end)
