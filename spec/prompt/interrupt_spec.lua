local host = require "support.host"

-- A script whose code is that of prompt 7, started as a task of a realm. It says "up" when it is to
-- be interrupted, and tells how it ended.
local SCRIPT <const> = [[
  local core, kavach = require "kavach.core", require "kavach"
  local realms = require "kavach.task.realm"
  require "kavach.prompt.coroutines".record()
  function up() print "up" io.stdout:flush() end
  local realm = realms.new(7, function(failure) print("failed", failure) end)
  local task = realm:start(function()
    local ok, why = core.guard(function(e) return e end, load(%q, "=(1)"))
    print(ok, why)
    return "ended"
  end)
  print(task:await())
  print(pcall(load "for i = 1, 1e6 do end", nil)) -- nothing is left behind
]]

local SPINS <const> = {
  ["a loop"] = "up() while true do end",
  ["a loop that catches errors"] = "up() while true do pcall(function() while true do end end) end",
  ["a function within a scope of tasks"] =
    "require 'kavach'.scope(function() up() while true do end end)",
  ["a comparison, from which nothing can yield"] =
    "table.sort({ 1, 2, 3 }, function() up() while true do end end)",
  ["a comparison that waits, and then spins"] =
    "table.sort({ 1, 2, 3 }, function() require 'kavach'.sleep(1) up() while true do end end)",
  ["a coroutine of its own"] =
    "coroutine.wrap(function() up() while true do end end)()",
  ["coroutines that are made again and again, whose errors are caught"] =
    "up() while true do pcall(coroutine.wrap(function() while true do end end)) end",
  ["a coroutine that catches errors and yields"] = [[
    local co = coroutine.wrap(function()
      while true do
        pcall(function() for _ = 1, 1e5 do end end)
        coroutine.yield()
      end
    end)
    up()
    while true do pcall(co) end
  ]],
  ["a coroutine that is resumed within another"] = [[
    local inner = coroutine.create(function() up() while true do end end)
    local outer = coroutine.create(function() return coroutine.resume(inner) end)
    local _, ok, why = coroutine.resume(outer) error(why, 0)
  ]],
}

describe("SIGURG with a prompt's number", function()
  local function start(code)
    local p = host.start(SCRIPT:format(code))
    assert.equal("up\n", p:read())
    return p
  end

  local function signal(p, number)
    assert(os.execute(("env kill -q %d -s URG %d"):format(number, p:pid())))
  end

  for name, code in pairs(SPINS) do
    it("ends " .. name, function()
      local p <close> = start(code)
      signal(p, 7)
      local out = p.stdout:read_all()
      assert.matches("^false\t[^\n]*interrupted!\nended\ntrue\n$", out)
      assert.equal(0, p:wait().exit_code)
    end)
  end

  it("ends a task that was spawned there, and what is called back runs on", function()
    local p <close> = start [[
      local kavach = require "kavach"
      kavach.map({ 1, 2 }, nil, function(i) if i == 1 then up() while true do end end end)
    ]]
    signal(p, 7)
    assert.matches("^false\t[^\n]*interrupted!\nended\n", p.stdout:read_all())
  end)

  it("does nothing to others' code, and nothing without a number", function()
    local p <close> = start [[
      up()
      local t = os.clock() while os.clock() - t < 0.3 do end
      return 1
    ]]
    signal(p, 6)
    signal(p, 0)
    os.execute("kill -URG " .. p:pid())
    assert.matches("^true\t1\nended\n", p.stdout:read_all())
  end)

  it("leaves kavach's own code to bring its affairs in order", function()
    local p <close> = start [[
      local kavach = require "kavach"
      local ok, why = pcall(kavach.scope, function()
        kavach.spawn(function()
          local _ <close> = setmetatable({}, { __close = function() closed = true end })
          kavach.sleep(60000)
        end)
        kavach.sleep(1)
        up()
        while true do end
      end)
      error(why, 0)
    ]]
    signal(p, 7)
    assert.matches("^false\t[^\n]*interrupted!\nended\n", p.stdout:read_all())
    assert.equal(0, p:wait().exit_code)
  end)
end)

-- What they do, and catch; each would go on for ever.
local CAUGHT <const> = {
  ["in itself"] = "naps()",
  ["in a comparison, from which nothing can yield"] = "table.sort({ 1, 2, 3 }, naps)",
  ["in a coroutine of its own"] = "coroutine.wrap(naps)()",
  ["in coroutines that it makes again and again"] =
    "while true do pcall(coroutine.wrap(function() kavach.sleep(10) end)) end",
  ["in tasks of a scope of it"] = "kavach.map({ 1, 2 }, nil, naps)",
  ["in a scope within a scope"] = [[
    kavach.scope(function() kavach.spawn(function() kavach.map({ 1, 2 }, nil, naps) end) end)
  ]],
}

describe("a task of a prompt that is called off", function()
  local CODE <const> = [[
    local core = require "kavach.core"
    kavach = require "kavach"
    local realms = require "kavach.task.realm"
    require "kavach.prompt.coroutines".record()
    function naps() while true do pcall(kavach.sleep, 10) end end
    local realm = realms.new(7, function() end)
    local task = realm:start(function() return core.guard(tostring, load(%q, "=(1)")) end)
    -- Not the main thread, which what cannot yield would hold up.
    require("kavach.task.scheduler").background(function()
      kavach.sleep(30)
      %s
      pcall(task.await, task)
      print("over", realm.count)
    end):await()
  ]]

  for how, code in pairs(CAUGHT) do
    it("ends, though it catches the error of each wait " .. how, function()
      local p <close> = host.start(CODE:format(code, "realm:interrupt(task, 'enough')"))
      assert.equal("over\t0\n", p.stdout:read_all())
    end)

    it("ends with its prompt, though it catches that " .. how, function()
      local p <close> = host.start(CODE:format(code, "realm:close 'left'"))
      assert.equal("over\t0\n", p.stdout:read_all())
    end)
  end

  it("begins nothing any more behind its prompt's end", function()
    local p <close> = host.start(CODE:format([[
      pcall(kavach.sleep, 60000)
      kavach.spawn(naps)
    ]], "realm:close 'left'"))
    assert.equal("over\t0\n", p.stdout:read_all())
  end)

  it("leaves nothing behind in a coroutine that outlives it", function()
    local p <close> = host.start(CODE:format([[
      shared = coroutine.wrap(function()
        pcall(kavach.sleep, 60000)
        while true do
          coroutine.yield "fine"
          for _ = 1, 1e6 do end
        end
      end)
      shared()
    ]], "realm:interrupt(task, 'enough')") .. "for _ = 1, 5 do shared() end print(shared())")
    assert.equal("over\t0\nfine\n", p.stdout:read_all())
  end)
end)

describe("coroutines that are known to who interrupts", function()
  it("are as Lua has them", function()
    local p <close> = host.start [[
      local function show(...) print(...) end
      local function try()
        show(coroutine.resume(coroutine.running()))
        show(coroutine.resume(coroutine.create(function(...) return ... end), 1, nil, 3))
        show(coroutine.resume(coroutine.create(error), "no"))
        local f = coroutine.wrap(function(...) return coroutine.yield(...) end)
        show(f(1, 2))
        show(f(3))
        show(pcall(function() f() end))
        show(pcall(function() local g = coroutine.wrap(error) g("no", 0) end))
      end
      coroutine.wrap(try)()
      print "same"
      require "kavach.prompt.coroutines".record()
      coroutine.wrap(try)()
    ]]
    local before, behind = p.stdout:read_all():match "^(.*)same\n(.*)$"
    assert.matches("false\tcannot resume non%-suspended", before)
    assert.equal(before, behind)
  end)
end)
