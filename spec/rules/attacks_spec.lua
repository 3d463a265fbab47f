--- Every script of attacks/ is a policy that means harm. Each says what it does, and which reason
--- its denial gives. All are denied within a second, in a worker and in this process; none changes
--- what comes after it.

local attest = require "kavach.attest"
local attested = require "support.attested"
local core = require "kavach.core"
local host = require "support.host"
local lfs = require "lfs"
local policy = require "kavach.attest.policy"

local FOLDER <const> = "spec/rules/attacks"
local SECOND_NS <const> = 1000000000

local LATE <const> = "not done within 500 ms: it was killed"

-- With sanitizers, all takes ten times as long, but not for the clock.
local worker = host.slurp(core.helper_dir() .. "/policy-worker") or ""
local STEPS <const> = worker:find("__asan_init", 1, true) and 100000 or nil

local function attacks()
  local names = {}
  for name in lfs.dir(FOLDER) do
    if name:find "%.lua$" then names[#names + 1] = name:sub(1, -5) end
  end
  table.sort(names)
  return names
end

local function path_of(name) return ("%s/%s.lua"):format(FOLDER, name) end

-- The reason that its head gives.
local function reason_of(name)
  local file <close> = assert(io.open(path_of(name), "rb"))
  return (assert(file:read("a"):match "%-%- why: ([^\n]*)", name .. " does not say why"))
end

describe("a hostile policy", function()
  local platform, remove, evidence, options, good

  setup(function()
    platform, remove = attested.platform "milan"
    evidence = platform:evidence { report_data = attested.NONCE }
    options = { now = attested.NOW, trust = assert(attest.trust { emulator = platform }) }
    good = assert(policy.load "spec/rules/policies/good.lua")
  end)

  teardown(function()
    good:close()
    remove()
  end)

  -- The decision, or that of a policy that cannot be loaded, and how long it took.
  local function decide(name, isolate)
    local begun = core.hrtime()
    local script <close>, why = policy.load(path_of(name), { isolate = isolate, steps = STEPS })
    local decisions = {}
    if script then
      for i = 1, 2 do decisions[i] = script:evaluate(evidence, options) end
    else
      decisions[1] = require("kavach.attest.decision").denied({ name = name }, why, "policy")
      decisions[2] = decisions[1]
    end
    return decisions, (core.hrtime() - begun) / 2
  end

  it("is one of sixty at least", function()
    assert.is_true(#attacks() >= 60)
  end)

  for _, isolate in ipairs { true, false } do
    for _, name in ipairs(attacks()) do
      it(("is denied, and says why: %s%s"):format(name, isolate and "" or ", in this process"),
        function()
          local decisions, spent = decide(name, isolate)
          assert.equal("denied", decisions[1]:outcome())
          local text = decisions[1]:to_text()
          assert.is_nil(text:find "[\0-\9\11-\31\127]", "a control character")
          assert.is_true(good:evaluate(evidence, options).allow)
          -- A machine that has much else to do may come to a worker's deadline before its budget.
          if isolate and decisions[2]:to_text():find(LATE, 1, true) then return end
          if isolate and text:find(LATE, 1, true) then return end
          assert.is_truthy(text:find(reason_of(name), 1, true), text)
          assert.equal(decisions[1]:to_json(), decisions[2]:to_json())
          assert.is_true(spent < SECOND_NS, ("it took %.0f ms"):format(spent / 1e6))
        end)
    end
  end
end)
