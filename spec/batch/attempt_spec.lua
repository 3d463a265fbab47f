--- Attempts as plain processes.

local attempt = require "kavach.batch.attempt"
local attempts = require "support.attempts"
local core = require "kavach.core"
local host = require "support.host"
local kavach = require "kavach"
local lfs = require "lfs"

local folder, remove
setup(function() folder, remove = host.folder() end)
teardown(function() remove() end)

local function run(job, more) return attempts.run(folder, job, more) end
local function sh(command) return run { command = command } end

describe("an attempt of a job that is a plain process", function()
  it("gives what became of it", function()
    local before = core.wall_clock()
    local r = sh "echo out; echo err >&2; sleep 0.01"
    assert.same({ 0, false, false, "process" },
      { r.exit_code, r.timed_out, r.oom_killed, r.backend })
    assert.same({ "out\n", "err\n" }, { r.stdout.text, r.stderr.text })
    assert.is_nil(r.reason)
    assert.is_nil(r.error)
    assert.is_true(before <= r.started_ns and r.started_ns < r.ended_ns
      and r.ended_ns <= core.wall_clock())
    assert.is_true(r.duration_ms >= 10 and r.duration_ms <= (r.ended_ns - r.started_ns) // 1000000)
    for _, name in ipairs { "cpu_ms", "max_rss_kb" } do
      assert.equal("integer", math.type(r[name]), name)
    end
  end)

  it("says in words why it failed", function()
    for command, expected in pairs {
      ["exit 7"] = { 7, "exit code 7" },
      ["kill -SEGV $$"] = { 139, "ended by signal 11" },
      ["nonesuch-program"] = { 127, "exit code 127" },
      ["/etc/passwd"] = { 126, "exit code 126" },
    } do
      local r = sh(command)
      assert.same(expected, { r.exit_code, r.reason })
      assert.is_nil(r.error)
    end
    assert.equal(11, (sh "kill -SEGV $$").signal)
  end)

  it("of a program that is not there ends as in a shell, and says which", function()
    local plain = host.write(folder .. "/plain", "hello\n")
    for _, case in ipairs {
      { { "nonesuch-program", "x" }, 127, "nonesuch-program: No such file or directory" },
      { { plain }, 126, plain .. ": Permission denied" },
      { { "true", ("x"):rep(200000) }, 126, "true: Argument list too long" },
    } do
      local r = run { command = case[1] }
      assert.same({ case[2], case[3] }, { r.exit_code, r.reason })
      assert.is_nil(r.error)
      assert.equal("", r.stdout.text)
    end
  end)

  it("that cannot be run at all is an error", function()
    local r = run { command = { "true" }, cwd = "/nonesuch" }
    assert.equal(-1, r.exit_code)
    assert.equal("exec_failed", r.error.kind)
    assert.matches("cannot enter the folder '/nonesuch'", r.reason, 1, true)
    r = run { command = { "a\0b" } }
    assert.equal(-1, r.exit_code)
    assert.matches("has a NUL in it", r.reason)
  end)

  it("gets its words, folder and input", function()
    local r = run { command = { "sh", "-c", 'printf "[%s]" "$@"; pwd; cat', "x", "a b", "", "'" },
      cwd = "/usr", stdin = "some input" }
    assert.equal("[a b][][']/usr\nsome input", r.stdout.text)
    assert.equal("", run({ command = { "cat" } }).stdout.text)
  end)

  it("is told what it is, beside what kavach and the job have in the environment", function()
    local script = [[
      local attempts = require "support.attempts"
      local job = {
        id = "some/job", command = { "/usr/bin/env" },
        env = { OWN = "1", BOTH = "the job's", KAVACH_SLOT = "of the job" },
      }
      local r = attempts.run("/nonesuch", job)
      io.write(r.stdout.text, attempts.run("/nonesuch", { command = "echo $BOTH" }).stdout.text)
    ]]
    local program = require "support.program"
    local path = host.write(folder .. "/script.lua", script)
    local code, out, errors = program.shell(("env -i LUA_PATH='./spec/?.lua;;' BOTH=ours OURS=2 "
      .. "KAVACH_BATCH=outer KAVACH_BATCH_RUN=outer:1 %s %s"):format(program.kavach, path))
    assert.same({ 0, "" }, { code, errors })
    local lines = {}
    for line in out:gmatch "[^\n]+" do
      if not line:find "^LUA_PATH" then lines[#lines + 1] = line end
    end
    local last = table.remove(lines)
    table.sort(lines)
    assert.same({
      "BOTH=the job's", "KAVACH_ATTEMPT=2", "KAVACH_BATCH=some-batch", "KAVACH_BATCH_RUN=uuid:7",
      "KAVACH_JOB=some/job", "KAVACH_SLOT=3", "OURS=2", "OWN=1",
    }, lines)
    assert.equal("ours", last)
  end)

  it("keeps bytes as they are, and makes no folder for few", function()
    local r, context = sh "printf 'a\\000b\\377\\n'; printf '\\376' >&2"
    assert.same({ "a\0b\xff\n", "\xfe" }, { r.stdout.text, r.stderr.text })
    assert.equal("xxh128:" .. core.hash "a\0b\xff\n", r.stdout.digest)
    assert.is_nil(lfs.attributes(context.folder))
  end)

  it("that floods keeps what it may in a file, and runs to its end", function()
    local r, context = run {
      command = "head -c 300000 /dev/zero; head -c 90000 /dev/zero >&2; exit 5",
      max_output = 100000,
    }
    assert.equal(5, r.exit_code)
    assert.same({ 300000, 100000, true, context.folder .. "/stdout" },
      { r.stdout.bytes, r.stdout.kept, r.stdout.truncated, r.stdout.path })
    assert.same({ 90000, 90000, false }, { r.stderr.bytes, r.stderr.kept, r.stderr.truncated })
    assert.equal(("\0"):rep(100000), host.slurp(r.stdout.path))
    assert.equal("xxh128:" .. core.hash(("\0"):rep(90000)), r.stderr.digest)
  end)

  it("goes on though the disk takes no more of its output, and says so", function()
    local r = run({ command = "head -c 100000 /dev/zero; echo end >&2" }, { folder = "/proc/x" })
    assert.same({ 0, nil, "end\n" }, { r.exit_code, r.reason, r.stderr.text })
    assert.is_true(r.stdout.truncated)
    assert.matches("^stdout: ", r.stdout.trouble.message)
  end)

  it("tells the last line while it runs, of whichever stream has more news", function()
    local gate = folder .. "/gate"
    local context = attempts.context(folder)
    assert.equal("", attempt.last_line(context))
    local task = kavach.spawn(attempt.run, attempts.job {
      command = ("echo one; until [ -e %s ]; do sleep 0.01; done; echo two >&2"):format(gate),
    }, context)
    assert.is_true(host.eventually(function() return attempt.last_line(context) == "one" end))
    host.write(gate, "")
    task:await()
    assert.equal("two", attempt.last_line(context))
  end)

  it("that hangs is ended when its time is up, with what it printed", function()
    local marker = host.marker()
    local r = run { command = ("trap '' TERM; echo before; sleep %s; sleep %s")
      :format(marker, marker), timeout_ms = 500, grace_ms = 50 }
    assert.same({ -1, true, 9, "before\n", "the time was up (500 ms)" },
      { r.exit_code, r.timed_out, r.signal, r.stdout.text, r.reason })
    assert.is_true(host.gone(marker))
  end)

  it("leaves nothing running of what it started beside itself", function()
    local marker = host.marker()
    local r = sh(("sleep %s & (sleep %s & sleep %s) & echo out"):format(marker, marker, marker))
    assert.same({ 0, "out\n" }, { r.exit_code, r.stdout.text })
    assert.is_true(host.gone(marker))
  end)

  it("that is cancelled is gone before it returns, with its files", function()
    local marker = host.marker()
    local context = attempts.context(folder)
    local task = kavach.spawn(attempt.run, attempts.job {
      command = ("trap '' TERM; head -c 100000 /dev/zero; echo up >&2; sleep %s"):format(marker),
    }, context)
    assert.is_true(host.eventually(function() return attempt.last_line(context) == "up" end))
    task:cancel "enough"
    local _, why = task:await()
    assert.same({ "cancelled", "enough" }, { why.kind, why.message })
    assert.same({}, host.processes("sleep " .. marker))
    for name in lfs.dir(context.folder) do assert.matches("^%.+$", name) end
  end)
end)
