local sandbox = require "kavach.sandbox"
local signals = require "kavach.sandbox.signals"
local standin = require "support.standin"

describe("The name of a signal", function()
  it("may be long, short, in any case, or a number", function()
    for _, given in ipairs { 15, "TERM", "SIGTERM", "term", "SigTerm" } do
      assert.equal(15, signals.number(given, "signal", 1))
    end
    assert.equal(10, signals.number("USR1", "signal", 1))
    assert.equal(64, signals.number(64, "signal", 1))
  end)

  it("that does not exist is an error, with the nearest that does", function()
    assert.has_error(function() signals.number("SIGTREM", "signal", 2) end,
      "signal: no signal is called 'SIGTREM' (did you mean 'TERM'?)")
    assert.has_error(function() signals.number("nothing like it", "signal", 2) end,
      "signal: no signal is called 'nothing like it'")
    for _, given in ipairs { 0, 65, -1, 1.5, true, {} } do
      assert.has_error(function() signals.number(given, "signal", 2) end)
    end
  end)
end)

describe("A command that is sent a signal", function()
  local box
  setup(function()
    standin.setup()
    box = assert(sandbox.new(standin.options(standin.native())))
  end)
  teardown(function()
    box:close()
    standin.teardown()
  end)

  local function trapping()
    local running = assert(box:start [[
      for s in HUP INT USR1 TERM; do trap "echo $s" $s; done
      echo up; while :; do sleep 0.02; done]])
    assert.equal("up\n", running:read())
    return running
  end

  it("gets the one that was named", function()
    local running <close> = trapping()
    for given, said in pairs { HUP = "HUP", SIGINT = "INT", usr1 = "USR1", [15] = "TERM" } do
      running:signal(given)
      assert.equal(said .. "\n", running:read())
    end
    running:signal()
    assert.equal("TERM\n", running:read())
    running:kill "USR1"
    assert.equal("USR1\n", running:read())
    running:kill()
    assert.equal(9, assert(running:wait(10000)).signal)
  end)

  it("is not sent what is no signal", function()
    local running <close> = trapping()
    assert.has_error(function() running:signal "TREM" end,
      "signal: no signal is called 'TREM' (did you mean 'TERM'?)")
    assert.has_error(function() running:kill "KIL" end,
      "kill: no signal is called 'KIL' (did you mean 'KILL'?)")
    assert.has_error(function() running:signal(0) end)
  end)
end)
