local entry = require "kavach.prompt.entry"

-- Runs entries one after the other; the results of the last.
local function session(globals, extra)
  local env, control = entry.environment(globals, extra or {})
  return function(text)
    local found = entry.parse(text)
    control.declare(found.names)
    return load(found.chunk, found.chunk_name, "t", env)()
  end, control
end

describe("the environment of entries", function()
  it("keeps locals from entry to entry, and out of the globals", function()
    local globals = {}
    local run, control = session(globals)
    run "local x, y = 1, 2"
    run "local function f() return x + y end"
    run "x = 5 z = 7"
    assert.equal(7, run "f()")
    assert.same({ z = 7 }, globals)
    assert.same({ 5, 2 }, { control.peek "x", control.peek "y" })
  end)

  it("gives what a name was before, until it is assigned", function()
    local run = session { print = "the program's", x = 3, error = error }
    run "local print = print"
    assert.equal("the program's", run "print")
    run "local x = x + 1"
    assert.equal(4, run "x")
    assert.has_error(function() run "local x = error('no', 0)" end, "no")
    assert.equal(4, run "x")
  end)

  it("hides a global behind a local that is nil", function()
    local run = session { x = 3 }
    run "local x"
    assert.is_nil(run "x")
    run "x = 4"
    run "x = nil"
    assert.is_nil(run "x")
  end)

  it("has the session's own names before the globals, until one is assigned", function()
    local globals, extra = { print = 1 }, { print = 2 }
    local run = session(globals, extra)
    assert.equal(2, run "print")
    extra._ = 9
    assert.equal(9, run "_")
    run "local _ = 8"
    assert.equal(8, run "_")
    run "print = 3"
    assert.same({ 3, 3 }, { run "print", globals.print })
  end)

  it("reads and writes globals as the program does", function()
    local seen
    local run = session(setmetatable({}, {
      __index = function(_, name) return "no " .. name end,
      __newindex = function(_, name) seen = name end,
    }))
    assert.equal("no x", run "x")
    run "x = 1"
    assert.equal("x", seen)
  end)

  it("tells what there is without running anything", function()
    local function raise() error "user code was run" end
    local globals = setmetatable({ x = 1, y = 2 }, { __index = raise, __pairs = raise })
    local run, control = session(globals, { y = 3 })
    run "local x = 4"
    run "local z"
    run "local y"
    local found = {}
    for _, name in ipairs(control.names()) do found[name] = control.peek(name) or "nil" end
    assert.same({ x = 4, y = "nil" }, found)
    assert.same({ nil, nil, 1 }, { control.peek "z", control.peek "none", 1 })
  end)
end)
