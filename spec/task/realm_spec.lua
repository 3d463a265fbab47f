local core = require "kavach.core"
local err = require "kavach.err"
local kavach = require "kavach"
local realms = require "kavach.task.realm"

describe("a realm", function()
  local realm, failures
  before_each(function()
    failures = {}
    realm = realms.new(5, function(failure, traceback)
      failures[#failures + 1] = { failure, traceback }
    end)
  end)
  after_each(function() realm:cancel() end)

  it("has tasks that fail each for themselves", function()
    local other = realm:start(function()
      kavach.sleep(5)
      return "fine"
    end)
    local failed = realm:start(function() error("on purpose", 0) end)
    assert.equal("fine", other:await())
    assert.same({ { "on purpose" } }, failures)
    assert.has_error(function() failed:await() end, "on purpose")
  end)

  it("has what its tasks spawn, which they do not wait for", function()
    local ended
    local task = realm:start(function()
      return kavach.spawn(function()
        kavach.sleep(5)
        ended = true
      end)
    end)
    local inner = task:await()
    assert.is_nil(ended)
    inner:await()
    assert.is_true(ended)
    local failing = realm:start(function()
      kavach.spawn(function() error("within", 0) end)
      return "through"
    end)
    assert.equal("through", failing:await())
    kavach.sleep(1)
    assert.equal("within", failures[1][1])
    assert.matches("realm_spec.lua", failures[1][2])
  end)

  it("cancels what runs in it, also from within a scope", function()
    local seen
    local task = realm:start(function()
      return kavach.scope(function()
        local _ <close> = setmetatable({}, { __close = function(_, e) seen = e end })
        kavach.sleep(60000)
      end)
    end)
    kavach.sleep(1)
    realm:interrupt(task, "on request")
    local none, why = task:await()
    assert.is_nil(none)
    assert.is_true(err.is(why, "cancelled"))
    assert.equal("on request", seen.message)
    assert.same({}, failures)
  end)
end)

describe("a guard", function()
  it("calls as xpcall does, and lets what it calls wait", function()
    local function handler(e) return "handled " .. tostring(e) end
    assert.same({ true }, { core.guard(handler, function() end) })
    local function same(...) return ... end
    assert.same({ true, 1, nil, 3 }, { core.guard(handler, same, 1, nil, 3) })
    assert.same({ false, "handled x" }, { core.guard(handler, function() error("x", 0) end) })
    local task = kavach.spawn(function()
      return core.guard(handler, function(a)
        kavach.sleep(1)
        return a, "later"
      end, 7)
    end)
    assert.same({ true, 7, "later" }, { task:await() })
    task = kavach.spawn(function()
      return core.guard(handler, function()
        kavach.sleep(1)
        error("late", 0)
      end)
    end)
    assert.same({ false, "handled late" }, { task:await() })
  end)
end)
