-- The program as an interpreter: the same command lines under lua5.4 and under kavach.

local host = require "support.host"
local kavach = require "kavach"
local program = require "support.program"
local shell = program.shell

--- Runs a command line, in which LUA stands for the interpreter, under both. Their exit codes and
--- standard outputs must be equal; returns those, and what kavach wrote to standard error.
local function both(line)
  local stock_code, stock_out, stock_errors = shell((line:gsub("LUA%f[^%w_]", "lua5.4")))
  local code, out, errors = shell((line:gsub("LUA%f[^%w_]", program.kavach)))
  out = out:gsub(program.kavach:gsub("%p", "%%%0"), "lua5.4")
  assert.equal(stock_out, out, line)
  assert.equal(stock_code, code, line)
  assert.equal(stock_errors == "", errors == "", line .. "\n" .. errors .. stock_errors)
  return code, out, errors
end

describe("the interpreter", function()
  local folder, remove
  setup(function() folder, remove = host.folder() end)
  teardown(function() remove() end)

  local function script(text)
    return host.write(folder .. "/script.lua", text)
  end

  it("gives a script its arguments, as ... and as arg", function()
    local path = script [[
      print(select("#", ...), ...)
      print(#arg, arg[0], arg[1], arg[2], arg[-2], arg[-3])
    ]]
    both("LUA " .. path)
    both("LUA " .. path .. " a '' 'b c' -e")
    both("LUA -e 'x = 1' " .. path .. " -- -v")
    both("LUA -W -- " .. path .. " a")
    both("LUA - a b < " .. path)
  end)

  it("runs -e, -l, -W and LUA_INIT in order", function()
    for _, line in ipairs {
      "LUA -e 'print(1)' -e 'print(2)'", "LUA -e'print(1)'",
      "LUA -e 'a=1' -e 'print(a, #arg, arg[0])'",
      "LUA -l string -e 'print(string == package.loaded.string)'", "LUA -lmath -e 'print(math.pi)'",
      "LUA -l s=string -e 'print(s == string)'",
      "LUA_INIT='print(1)' LUA -e 'print(2)'",
      "LUA_INIT_5_4='print(1)' LUA_INIT='print(0)' LUA -e ''",
      "LUA_INIT='print(1)' LUA -E -e 'print(2)'",
      "LUA_PATH=x LUA -E -e 'print(package.path == \"x\")'",
      "echo 'print(5)' | LUA", "echo 'print(...)' | LUA - x y", "echo 'print(arg[0])' | LUA -",
      "LUA -e 'warn(\"a\")'", "LUA -W -e 'warn(\"a\")'", "LUA -e 'warn(\"@on\")' -e 'warn(\"a\")'",
      "echo 'print(9)' | LUA -e 'print(1)' -", "LUA < /dev/null", "LUA -e ''",
    } do both(line) end
    host.write(folder .. "/init.lua", "print 'init'")
    both("LUA_INIT=@" .. folder .. "/init.lua LUA -e ''")
    both("LUA_INIT=@/nonesuch LUA -e ''")
  end)

  it("fails as lua5.4 does", function()
    for _, line in ipairs {
      "LUA -x", "LUA -e", "LUA -l", "LUA --x", "LUA -vv", "LUA -ix", "LUA -e -v",
      "LUA /nonesuch.lua",
      "LUA -e 'error()'", "LUA -e 'error {}'", "LUA -e 'error(nil)'", "LUA -e 'x ='",
      "LUA -e 'error(1)'",
      "LUA -e 'error(setmetatable({}, {__tostring = function() return \"me\" end}))'",
      "LUA -l nonesuch", "LUA_INIT='error(1)' LUA -e ''", "LUA -e 'os.exit(7)'",
      "LUA -e 'os.exit(true)'",
      "LUA -e 'os.exit(false)'", "LUA -e 'os.exit(300)'", "LUA -e 'os.exit(5, true)'",
      "LUA " .. "/tmp",
      "LUA -e 'io.stdout:close()'", "LUA -e 'print(1)' > /dev/full", "echo 'x =' | LUA -",
      "LUA -e 'local t <close> = setmetatable({}, {__close = function() print(1) end}) error(1)'",
      "LUA -e 'setmetatable({}, {__gc = function() print(1) end})'",
    } do both(line) end
  end)

  it("shows where an error came from", function()
    local path = script "local function culprit() error 'boom' end\nculprit()\n"
    local code, _, errors = both("LUA " .. path)
    assert.equal(1, code)
    assert.matches("^kavach: .*script%.lua:1: boom\nstack traceback:\n.*culprit", errors)
  end)

  it("names the option that it does not know, or that lacks its word", function()
    local _, _, errors = both "LUA -x"
    assert.matches("^kavach: unrecognized option '%-x'\nusage: kavach", errors)
    _, _, errors = both "LUA -e"
    assert.matches("^kavach: '%-e' needs argument\nusage: kavach", errors)
  end)

  it("says its version", function()
    local code, out = shell(program.kavach .. " -v")
    assert.equal(0, code)
    assert.matches("^Lua 5%.4.*kavach", out)
  end)

  it("runs lines with -i", function()
    local code, out = shell("printf 'x = 20\\nx + 1\\n' | " .. program.kavach .. " -i")
    assert.equal(0, code)
    assert.matches("21", out)
  end)

  it("takes a script with a first line for the system, and compiled ones", function()
    both("LUA " .. script "#!/usr/bin/env lua\nprint(1)")
    host.write(folder .. "/dumped", string.dump(function(...) print(...) end))
    both("LUA " .. folder .. "/dumped 1 2")
  end)
end)

describe("a script's tasks", function()
  it("are waited for at its end", function()
    local code, out = host.script [[
      local kavach = require "kavach"
      kavach.spawn(function() kavach.sleep(10) print "task" end)
      print "main"
    ]]
    assert.equal(0, code)
    assert.equal("main\ntask\n", out)
  end)

  for when, last in pairs {
    ["left running"] = "", ["while the main chunk waits"] = "kavach.sleep(60000)",
  } do
    it("that fail " .. when .. " fail the program, with a traceback", function()
      local code, out, errors = host.script([[
        local kavach = require "kavach"
        local function culprit() error "boom" end
        kavach.spawn(function() pcall(kavach.sleep, 60000) print "sibling cancelled" end)
        kavach.spawn(function() kavach.sleep(5) culprit() end)
      ]] .. last)
      assert.equal(1, code)
      assert.equal("sibling cancelled\n", out)
      assert.matches("^kavach: .*boom\nstack traceback:", errors)
      assert.matches("culprit", errors)
    end)
  end

  it("are cancelled, and clean up, when the main chunk fails", function()
    local code, out, errors = host.script [[
      local kavach = require "kavach"
      kavach.spawn(function()
        local _ <close> = setmetatable({}, { __close = function()
          kavach.shield(kavach.sleep, 1)
          print "closed"
        end })
        kavach.sleep(60000)
      end)
      kavach.sleep(0)
      error "main"
    ]]
    assert.equal(1, code)
    assert.equal("closed\n", out)
    assert.matches("^kavach: .*main\nstack traceback:[^\n]*\n", errors)
    assert.not_matches("cancelled", errors)
  end)

  it("that wait for what cannot happen are an error", function()
    local code, _, errors = host.script [[
      local kavach, task = require "kavach", require "kavach.task"
      kavach.spawn(function() task.event():wait() end)
    ]]
    assert.equal(1, code)
    assert.matches("deadlock", errors)
  end)
end)

describe("an interrupt", function()
  local SPINS = {
    ["a script that spins"] = "print 'up' io.stdout:flush() while true do end",
    ["a task that spins"] = [[
      local kavach = require "kavach"
      kavach.run(function() kavach.sleep(1) print "up" io.stdout:flush() while true do end end)
    ]],
    ["a script that waits"] = [[
      print "up" io.stdout:flush()
      require "kavach".sleep(60000)
    ]],
    ["tasks that wait"] = [[
      local kavach = require "kavach"
      kavach.spawn(kavach.process.exec, { "sleep", "60" })
      kavach.map({ 1, 2, 3 }, {}, function() print "up" io.stdout:flush() kavach.sleep(60000) end)
    ]],
    ["tasks that are left running"] = [[
      local kavach = require "kavach"
      kavach.spawn(function() print "up" io.stdout:flush() kavach.sleep(60000) end)
    ]],
  }
  for name, code in pairs(SPINS) do
    it("ends " .. name, function()
      local p <close> = host.start(code)
      assert.matches("^up", p:read())
      p:kill(2)
      local errors = p.stderr:read_all()
      assert.matches("^kavach: .*interrupted!\n", errors)
      assert.matches("stack traceback:", errors)
      assert.equal(1, p:wait().exit_code)
    end)
  end

  it("ends a subcommand without a word, also while it is still being loaded", function()
    local folder, remove = host.folder()
    host.write(folder .. "/argparse.lua", "print 'up' io.stdout:flush() while true do end")
    for _, name in ipairs { "run", "env" } do
      local p <close> = assert(kavach.process.start({ program.kavach, name, "x" },
        { env = { LUA_PATH = folder .. "/?.lua;;" } }))
      assert.matches("^up", p:read())
      p:kill(2)
      assert.equal("", p.stderr:read_all())
      assert.equal(130, p:wait().exit_code)
    end
    remove()
  end)

  it("lets what is to be closed be closed", function()
    local p <close> = host.start [[
      local kavach = require "kavach"
      kavach.run(function()
        local _ <close> = setmetatable({}, { __close = function()
          kavach.shield(kavach.sleep, 5)
          print "closed"
        end })
        print "up" io.stdout:flush()
        kavach.sleep(60000)
      end)
    ]]
    assert.matches("^up", p:read())
    p:kill(2)
    assert.equal("closed\n", p.stdout:read_all())
    assert.equal(1, p:wait().exit_code)
  end)

  it("ends at once what does not heed the first one, when it comes again", function()
    local p <close> = host.start [[
      local kavach = require "kavach"
      pcall(function() print "up" io.stdout:flush() while true do end end)
      print "again" io.stdout:flush()
      while true do end
    ]]
    assert.matches("^up", p:read())
    p:kill(2)
    assert.matches("again", p:read())
    p:kill(2)
    assert.equal(2, p:wait().signal)
  end)
end)
