local kavach = require "kavach"
local err = require "kavach.err"
local host = require "support.host"
local process = kavach.process

describe("a process", function()
  it("is written to and read from while it runs", function()
    local p <close> = assert(process.start({ "cat" }, { stdin = "pipe" }))
    for i = 1, 3 do
      assert.is_true(p:write("line " .. i))
      assert.equal("line " .. i, p:read())
    end
    p.stdin:close()
    assert.is_nil(p:read())
    assert.equal(0, p:wait().exit_code)
  end)

  it("has a number, which is there as soon as it is asked for", function()
    local p <close> = assert(process.start { "sh", "-c", "echo $$; exit 3" })
    local pid = p:pid()
    assert.equal("integer", math.type(pid))
    assert.equal(tostring(pid) .. "\n", p:read())
    assert.equal(3, p:wait().exit_code)
    p:close()
    assert.equal(pid, p:pid())
  end)

  it("has no number if it could not be run, or was closed before it ran", function()
    local p <close> = assert(process.start { "nonesuch-program" })
    local none, why = p:pid()
    assert.same({ nil, "exec_failed", "nonesuch-program: No such file or directory" },
      { none, why.kind, why.message })
    local closed = assert(process.start { "true" })
    closed:close()
    none, why = closed:pid()
    assert.same({ nil, "cancelled" }, { none, why.kind })
  end)

  it("may be waited for more than once, and by several tasks", function()
    local p <close> = assert(process.start { "sh", "-c", "exit 4" })
    local codes = kavach.map({ 1, 2, 3 }, nil, function() return p:wait().exit_code end)
    assert.same({ 4, 4, 4 }, codes)
    assert.equal(4, p:wait().exit_code)
  end)

  it("that cannot be run says so when it is waited for", function()
    local p <close> = assert(process.start { "nonesuch-program" })
    local r, e = p:wait()
    assert.is_nil(r)
    assert.is_true(err.is(e, "exec_failed"))
    assert.matches("nonesuch%-program", e.message)
  end)

  it("is signalled with its group", function()
    local marker = host.marker()
    local p <close> = assert(process.start { "sh", "-c", ("sleep %s; :"):format(marker) })
    host.eventually(function() return #host.processes(marker) == 2 end)
    p:kill()
    assert.equal(15, p:wait().signal)
    assert.is_true(host.gone(marker))
    p:kill() -- nothing happens
  end)

  it("is killed when it is closed, and may be closed again", function()
    local marker = host.marker()
    local p = assert(process.start { "sleep", marker })
    host.eventually(function() return #host.processes(marker) == 1 end)
    p:close()
    p:close()
    assert.is_true(host.gone(marker))
    local r, e = p:wait()
    assert.is_nil(r)
    assert.is_true(err.is(e, "cancelled"))
  end)

  it("is killed when nobody holds it any more", function()
    local marker = host.marker()
    do
      assert(process.start { "sleep", marker })
      host.eventually(function() return #host.processes(marker) == 1 end)
    end
    assert.is_true(host.eventually(function()
      collectgarbage()
      return #host.processes(marker) == 0
    end))
  end)

  it("lives on while one of its streams is held", function()
    local marker = host.marker()
    local command = ("sleep 0.05; echo %s"):format(marker)
    local output = assert(process.start { "sh", "-c", command }).stdout
    for _ = 1, 3 do collectgarbage() end
    assert.equal(marker .. "\n", output:read_all())
  end)

  it("lives on while a task waits for it", function()
    assert.equal(5, kavach.run(function()
      local t = kavach.spawn(function()
        return process.start({ "sh", "-c", "sleep 0.05; exit 5" }):wait().exit_code
      end)
      kavach.sleep(5)
      for _ = 1, 3 do collectgarbage() end
      return t:await()
    end))
  end)

  it("says which of its streams is no pipe", function()
    local p <close> = assert(process.start({ "true" }, { stdout = "null" }))
    assert.error_matches(function() p:read() end, "read: its standard output is not a pipe")
    assert.error_matches(function() p:write "x" end, "write: its standard input is not a pipe")
    assert.error_matches(function() process.start({ "a" }, { stdin = "pip" }) end, "stdin must be")
    assert.error_matches(function() process.start({ "a" }, { stdou = "pipe" }) end, "stdout")
  end)
end)
