local host = require "support.host"
local joblog = require "kavach.batch.report.joblog"
local program = require "support.program"
local reader = require "support.batch_reader"
local task = require "kavach.task"

local HEADER <const> =
  "Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand\n"

describe("the log in GNU parallel's format", function()
  local path
  before_each(function() path = os.tmpname() end)
  after_each(function() os.remove(path) end)

  local function ended(seq, result, command)
    result.started_ns = result.started_ns or reader.BEGAN
    return { event = "ended", seq = seq, job = "j", command = command or "true", result = result,
      state = "done" }
  end

  it("has a line for each attempt that ends", function()
    local log = assert(joblog.open(path))
    assert(log:event { event = "begin", batch = "b" })
    assert(log:event { event = "started", seq = 7, job = "j" })
    local retried = ended(7, { exit_code = 3, duration_ms = 1234, stdout = { bytes = 12 } }, "a b")
    retried.state = "retry"
    assert(log:event(retried))
    assert(log:event(ended(7, { exit_code = 0, duration_ms = 5,
      started_ns = reader.BEGAN + 1500000 }, "a b")))
    assert(log:close())
    assert.equal(HEADER .. "7\t:\t1795964400.000\t     1.234\t0\t12\t3\t0\ta b\n"
      .. "7\t:\t1795964400.001\t     0.005\t0\t0\t0\t0\ta b\n", host.slurp(path))
  end)

  it("writes a line soon, without being asked to", function()
    task.run(function()
      local log <close> = assert(joblog.open(path))
      log:event(ended(1, { exit_code = 0, duration_ms = 1 }))
      assert.equal(HEADER, host.slurp(path))
      assert.is_true(host.eventually(function() return host.slurp(path) ~= HEADER end))
      assert.matches("\n1\t:\t", host.slurp(path), 1, true)
    end)
  end)

  it("goes on with a log that is there, if it is to", function()
    for seq = 1, 2 do
      local log = assert(joblog.open(path, { append = true }))
      log:event(ended(seq, { exit_code = 0, duration_ms = 1 }))
      log:close()
    end
    local text = host.slurp(path)
    assert.matches("^" .. HEADER .. "1\t[^\n]*\n2\t[^\n]*\n$", text)
  end)

  it("tells what could not be written when it is closed", function()
    local log = assert(joblog.open "/dev/full")
    log:event(ended(1, { exit_code = 0, duration_ms = 1 }))
    local ok, why = log:close()
    assert.is_nil(ok)
    assert.equal("io", why.kind)
    assert.matches("^/dev/full: ", why.message)
    ok, why = joblog.open "/nowhere/at/all"
    assert.is_nil(ok)
    assert.equal("/nowhere/at/all: No such file or directory", why.message)
  end)

  it("is the same from a journal, afterwards", function()
    local r = reader.new { jobs = {
      { id = "a", spec = { command = { "echo", "it's" } }, attempts = {
        { from = 0, to = 1, exit_code = 1, state = "failed" }, { from = 1, to = 1.25 } } },
      { id = "b", spec = { command = "two\nlines" }, attempts = {
        { from = 1, to = 2, exit_code = 137, signal = 9, state = "failed" } } },
      { id = "generated", attempts = {
        { from = 1, to = 2, exit_code = 143, signal = 15, timed_out = true, state = "failed" } } },
      { id = "none", state = "skipped" },
      { id = "now", state = "running", attempts = { { from = 1, state = "running" } } },
    } }
    assert(joblog.write(r, path))
    assert.equal(HEADER
      .. "1\t:\t1795964400.000\t     1.000\t0\t0\t1\t0\techo 'it'\\''s'\n"
      .. "1\t:\t1795964401.000\t     0.250\t0\t0\t0\t0\techo 'it'\\''s'\n"
      .. "2\t:\t1795964401.000\t     1.000\t0\t0\t0\t9\ttwo\0lines\n"
      .. "3\t:\t1795964401.000\t     1.000\t0\t0\t-1\t15\tgenerated\n", host.slurp(path))
  end)

  it("agrees with parallel's own", function()
    if program.shell "command -v parallel" ~= 0 then pending "parallel is not installed" return end
    local theirs, input = os.tmpname(), os.tmpname()
    local commands = { "printf abc; exit 3", "kill -9 $$", "printf 'a\tb'\nprintf c" }
    local file <close> = assert(io.open(input, "wb"))
    file:write(table.concat(commands, "\0"))
    file:close()
    program.shell(("parallel -0 --will-cite -k -j1 --joblog '%s' <'%s'"):format(theirs, input))
    local log = assert(joblog.open(path))
    for seq, result in ipairs {
      { exit_code = 3, duration_ms = 1, stdout = { bytes = 3 } },
      { exit_code = 137, signal = 9, duration_ms = 1, stdout = { bytes = 0 } },
      { exit_code = 0, duration_ms = 1, stdout = { bytes = 4 } },
    } do
      log:event(ended(seq, result, commands[seq]))
    end
    log:close()
    local function masked(name)
      return (host.slurp(name):gsub("\n(%d+\t:\t)%d+%.%d%d%d\t([ %d]+%.%d%d%d)\t",
        function(start, runtime) return ("\n%sT\t%d\t"):format(start, #runtime) end))
    end
    assert.equal(masked(theirs), masked(path))
    os.remove(theirs)
    os.remove(input)
  end)
end)
