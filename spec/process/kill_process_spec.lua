local core = require "kavach.core"
local host = require "support.host"
local kavach = require "kavach"
local proc = require "kavach.proc"
local program = require "support.program"

local function start_of(pid) return math.tointeger(tonumber(proc.start_time(pid))) end

describe("kill_process", function()
  local child, pid, start
  before_each(function()
    child = assert(kavach.process.start { "sleep", "60" })
    pid = child:pid()
    start = start_of(pid)
  end)
  after_each(function() child:close() end)

  it("ends the process that began then, and no other of its number", function()
    local neighbour <close> = assert(kavach.process.start { "sleep", "60" })
    local other = neighbour:pid()
    assert.is_false(core.kill_process(pid, start + 1))
    assert.is_false(core.kill_process(pid, 0))
    assert.is_true(core.kill_process(pid, start))
    assert.equal(9, child:wait().signal)
    assert.is_string(proc.start_time(other))
  end)

  it("says that one which is gone is gone", function()
    child:kill(9)
    child:wait()
    assert.is_false(core.kill_process(pid, start))
    assert.is_false(core.kill_process((1 << 22) + 1, start)) -- no number is so high: proc(5)
  end)

  it("finds the time behind a name that looks like more of the line", function()
    local named <close> = assert(kavach.process.start { "sh", "-c",
      "printf ') S 1 2 3' >/proc/$$/comm; read x; sleep 60" }, { stdin = "pipe" })
    local number = named:pid()
    assert.is_true(host.eventually(function()
      return (host.slurp("/proc/" .. number .. "/comm") or ""):find(")", 1, true)
    end))
    assert.is_true(core.kill_process(number, start_of(number)))
    assert.equal(9, named:wait().signal)
  end)

  it("is an error where it may not be", function()
    local code, out, errors = program.shell(([[
      setpriv --reuid 65534 --clear-groups '%s' -e '
        print(require("kavach.core").kill_process(%d, %d))'
    ]]):format(program.absolute, pid, start))
    if code ~= 0 then return pending("nobody else can be had here: " .. errors) end
    assert.equal(("nil\tprocess %d: Operation not permitted\n"):format(pid), out)
    assert.is_string(proc.start_time(pid))
  end)

  it("takes no number that is none", function()
    assert.has_error(function() core.kill_process("x", start) end)
    local ended, why = core.kill_process(-1, start)
    assert.is_nil(ended)
    assert.matches("process %-1: ", why)
  end)
end)
