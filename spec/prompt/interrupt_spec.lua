local host = require "support.host"
local kavach = require "kavach"

-- A script whose code is that of prompt 7, started as a task of a realm. It says "up" when it is to
-- be interrupted, and tells how it ended.
local SCRIPT <const> = [[
  local core, kavach = require "kavach.core", require "kavach"
  local scheduler = require "kavach.task.scheduler"
  require "kavach.prompt.coroutines".record()
  function up() print "up" io.stdout:flush() end
  local realm = scheduler.realm(7, function(failure) print("failed", failure) end)
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
      local begun = kavach.now()
      signal(p, 7)
      local out = p.stdout:read_all()
      assert.matches("^false\t[^\n]*interrupted!\nended\ntrue\n$", out)
      assert.is_true(kavach.now() - begun < 2000)
      assert.equal(0, p:wait().exit_code)
    end)
  end

  it("ends a task that was spawned there, and what is called back runs on", function()
    local p <close> = start [[
      local kavach = require "kavach"
      kavach.map({ 1, 2 }, nil, function(i) if i == 1 then up() while true do end end end)
    ]]
    signal(p, 7)
    -- In the task or, at once, still in `up`.
    assert.matches("^false\t%([%w ]+%):%d+: interrupted!\nended\n", p.stdout:read_all())
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

describe("a task of a prompt that is called off", function()
  it("ends, though it catches the error of each wait", function()
    local p <close> = host.start [[
      local core, kavach = require "kavach.core", require "kavach"
      local scheduler = require "kavach.task.scheduler"
      local realm = scheduler.realm(7, print)
      local task = realm:start(function()
        return core.guard(tostring, load "while true do pcall(require 'kavach'.sleep, 10) end")
      end)
      kavach.sleep(30)
      local begun = kavach.now()
      realm:interrupt(task, "enough")
      print(task:await())
      print(kavach.now() - begun < 1000)
    ]]
    assert.matches("^false\t[^\n]*interrupted!\ntrue\n$", p.stdout:read_all())
  end)
end)
