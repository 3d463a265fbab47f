-- kavach beside a luv loop: a process of its own for each spec, since luv's loop is one for all.

local host = require "support.host"
local program = require "support.program"

local function installed()
  return os.execute "lua5.4 -e 'require \"luv\"' >/dev/null 2>&1"
end

--- Runs a script under both interpreters.
local function both(code, check)
  local path = host.write(os.tmpname(), code)
  for _, interpreter in ipairs(host.interpreters()) do
    check(program.shell(("timeout 30 %s %s"):format(interpreter, path)))
  end
  os.remove(path)
end

describe("beside a luv loop", function()
  local function beside(name, code, check)
    it(name, function()
      if not installed() then return pending "luv is not installed" end
      both(code, check)
    end)
  end

  beside("tasks run while luv's loop does, with its timers, and it ends when all is done", [[
    local uv, kavach = require "luv", require "kavach"
    local detach = kavach.attach(uv)
    local beats = 0
    local timer = uv.new_timer()
    timer:start(1, 1, function() beats = beats + 1 end)
    kavach.spawn(function()
      local r = assert(kavach.process.exec { "sh", "-c", "sleep 0.05; echo out; exit 3" })
      io.write(r.stdout, r.exit_code, "\n")
      kavach.sleep(10)
      assert(beats >= 5, beats)
      timer:close()
    end)
    uv.run()
    detach()
    uv.run()
    print "done"
  ]], function(code, out, errors)
    assert.equal("", errors)
    assert.equal("out\n3\ndone\n", out)
    assert.equal(0, code)
  end)

  beside("a task may be started from a callback of luv", [[
    local uv, kavach = require "luv", require "kavach"
    local detach = kavach.attach(uv)
    local timer = uv.new_timer()
    timer:start(1, 0, function()
      timer:close()
      kavach.spawn(function()
        kavach.sleep(5)
        print(kavach.process.exec({ "echo", "hi" }).stdout)
      end)
    end)
    uv.run()
    detach()
    uv.run() -- luv crashes at the end of the state over a handle that is still closing
  ]], function(code, out)
    assert.equal("hi\n\n", out)
    assert.equal(0, code)
  end)

  beside("luv's own processes end as before, though both want to know of children", [[
    local uv, kavach = require "luv", require "kavach"
    local detach = kavach.attach(uv)
    local codes = {}
    for i = 1, 5 do
      local handle
      local script = "sleep 0.0" .. i .. "; exit " .. i
      handle = uv.spawn("sh", { args = { "-c", script } }, function(code)
        codes[#codes + 1] = code
        handle:close()
      end)
      kavach.spawn(function()
        assert(kavach.process.exec({ "sh", "-c", script }).exit_code == i)
      end)
    end
    uv.run()
    detach()
    uv.run()
    table.sort(codes)
    print(table.concat(codes, " "))
  ]], function(code, out, errors)
    assert.equal("", errors)
    assert.equal("1 2 3 4 5\n", out)
    assert.equal(0, code)
  end)

  beside("a task that fails does not fail in silence", [[
    local uv, kavach = require "luv", require "kavach"
    kavach.attach(uv)
    kavach.spawn(function() kavach.sleep(1) error "boom" end)
    uv.run()
  ]], function(code, _, errors)
    assert.not_equal(0, code)
    assert.matches("boom", errors)
  end)

  it("the module of luv is what attach takes", function()
    local attach = require("kavach").attach
    assert.error_matches(function() attach() end, "attach: the argument is luv's module")
    assert.error_matches(function() attach {} end, "attach: the argument is luv's module")
  end)
end)
