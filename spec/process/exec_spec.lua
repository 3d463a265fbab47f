local kavach = require "kavach"
local err = require "kavach.err"
local host = require "support.host"
local process = kavach.process

local function exec(argv, options)
  return assert(process.exec(argv, options))
end

local function sh(script, options)
  return exec({ "sh", "-c", script }, options)
end

describe("a command", function()
  it("gives its output, apart, and its exit code", function()
    local r = sh "echo out; echo err >&2; exit 7"
    assert.equal("out\n", r.stdout)
    assert.equal("err\n", r.stderr)
    assert.equal(7, r.exit_code)
    assert.is_nil(r.signal)
    assert.is_false(r.timed_out)
    assert.is_false(r.stdout_truncated)
    for _, name in ipairs { "duration_ms", "cpu_ms", "max_rss_kb" } do
      assert.equal("integer", math.type(r[name]), name)
    end
  end)

  it("gets its arguments as they are", function()
    local words = { "", " ", "a b", "'\"$x`\\", "\n", "\xff\xfe", "-n", "*" }
    local r = exec { "printf", "[%s]", table.unpack(words) }
    assert.equal("[" .. table.concat(words, "][") .. "]", r.stdout)
  end)

  it("may have an argument of 128 KiB less one, and no more", function()
    local most = ("x"):rep(128 * 1024 - 1)
    assert.equal(#most, tonumber(exec({ "sh", "-c", 'printf %s "$0" | wc -c', most }).stdout))
    local r, e = process.exec { "true", most .. "x" }
    assert.is_nil(r)
    assert.equal("exec_failed", e.kind)
    assert.equal("true: Argument list too long", e.message)
  end)

  it("may have megabytes of arguments", function()
    local words = { "sh", "-c", "echo $# $0", "zero" }
    for i = 1, 18 do words[#words + 1] = ("x"):rep(100000) .. i end
    assert.equal("18 zero\n", exec(words).stdout)
    for i = 1, 100 do words[#words + 1] = ("x"):rep(100000) .. i end
    local r, e = process.exec(words)
    assert.is_nil(r)
    assert.equal("exec_failed", e.kind)
  end)

  it("is refused with a NUL in it, anywhere", function()
    assert.error_matches(function() exec { "a", "b\0c" } end, "argument 2 has a NUL")
    assert.error_matches(function() exec({ "a" }, { cwd = "/\0x" }) end, "cwd must be .*NUL")
    assert.error_matches(function() exec({ "a" }, { env = { A = "\0" } }) end, "env must be .*NUL")
    assert.error_matches(function() exec({ "a" }, { env = { ["A="] = "" } }) end, "env must be")
  end)

  it("is refused where it is none", function()
    for _, argv in ipairs { "true", {}, { 1 }, { {} } } do
      assert.error_matches(function() exec(argv) end, "process%.exec: ")
    end
    assert.error_matches(function() exec() end, "process%.exec: a list")
    assert.error_matches(function() exec({ "a" }, { stdin = 5 }) end, "stdin must be")
    assert.error_matches(function() exec({ "a" }, { timeout = 5 }) end, "timeout_ms")
    assert.error_matches(function() exec({ "a" }, { timeout_ms = -1 }) end, "timeout_ms must be")
    assert.error_matches(function() exec({ "a" }, { max_output = 1.5 }) end, "max_output must be")
  end)

  it("gets this process's environment, or exactly the one that is given", function()
    assert.equal(os.getenv "PATH" .. "\n", sh("echo $PATH").stdout)
    assert.equal("A=1\nB=x y\n", exec({ "/usr/bin/env" }, { env = { B = "x y", A = "1" } }).stdout)
    assert.equal("", exec({ "/usr/bin/env" }, { env = {} }).stdout)
  end)

  it("runs in the folder that is given, or in this one", function()
    assert.equal("/usr\n", exec({ "pwd" }, { cwd = "/usr" }).stdout)
    assert.equal(require "lfs".currentdir() .. "\n", exec({ "pwd" }).stdout)
    local r, e = process.exec({ "true" }, { cwd = "/nonesuch" })
    assert.is_nil(r)
    assert.equal("exec_failed", e.kind)
    assert.equal("true: cannot enter the folder '/nonesuch': No such file or directory", e.message)
  end)

  it("that is missing is an error that names it", function()
    for _, name in ipairs { "nonesuch-program", "/nonesuch/program", "./nonesuch" } do
      local r, e = process.exec { name }
      assert.is_nil(r)
      assert.is_true(err.is(e, "exec_failed"))
      assert.equal(name .. ": No such file or directory", e.message)
      assert.equal(name, e.program)
    end
  end)

  it("that is not executable is an error that says so", function()
    local folder <const>, remove = host.folder()
    host.write(folder .. "/plain", "hello\n")
    local r, e = process.exec { folder .. "/plain" }
    assert.is_nil(r)
    assert.matches("plain: Permission denied$", e.message)
    r, e = process.exec({ "plain" }, { env = { PATH = folder } })
    assert.is_nil(r)
    assert.matches("^plain: Permission denied$", e.message)
    os.execute("chmod +x " .. folder .. "/plain")
    r, e = process.exec { folder .. "/plain" }
    assert.is_nil(r)
    assert.matches("plain: Exec format error$", e.message)
    remove()
  end)

  it("is looked for in the PATH that it gets", function()
    local folder, remove = host.folder()
    host.write(folder .. "/kavach-spec-tool", "#!/bin/sh\necho found\n")
    os.execute("chmod +x " .. folder .. "/kavach-spec-tool")
    local env = { PATH = "/nonesuch:" .. folder }
    assert.equal("found\n", exec({ "kavach-spec-tool" }, { env = env }).stdout)
    remove()
  end)

  it("that dies of a signal says which", function()
    local r = sh "kill -SEGV $$"
    assert.equal(11, r.signal)
    assert.equal(139, r.exit_code)
    assert.is_false(r.timed_out)
  end)
end)

describe("a command's input", function()
  it("is nothing unless it is given", function()
    assert.equal("", exec({ "cat" }).stdout)
  end)

  it("may be larger than a pipe", function()
    local bytes = ("0123456789abcdef"):rep(64 * 1024)
    local r = exec({ "cat" }, { stdin = bytes })
    assert.is_true(r.stdout == bytes)
  end)

  it("need not be read", function()
    local bytes = ("x"):rep(1024 * 1024)
    assert.equal(3, sh("exit 3", { stdin = bytes }).exit_code)
    assert.equal("1\n", sh("head -c 1 | wc -c", { stdin = bytes }).stdout)
    assert.equal("done\n", sh("exec <&-; sleep 0.05; echo done", { stdin = bytes }).stdout)
  end)

  it("may be a stream of another process, which is made to wait as programs expect", function()
    local first <close> = assert(process.start { "sh", "-c", "sleep 0.05; echo hi" })
    local r = exec({ "cat" }, { stdin = first.stdout })
    assert.equal("hi\n", r.stdout)
    assert.equal("", r.stderr)
  end)
end)

describe("a command's output", function()
  it("is complete though it exits at once after a flood", function()
    local size = 5 * 1024 * 1024
    local r = sh(("head -c %d /dev/zero; head -c 1000 /dev/zero >&2"):format(size),
      { max_output = size })
    assert.equal(size, #r.stdout)
    assert.equal(1000, #r.stderr)
    assert.is_false(r.stdout_truncated)
  end)

  it("is cut at the cap of each stream, while the command goes on to its end", function()
    local r = sh("head -c 300000 /dev/zero; echo err >&2; exit 5", { max_output = 10 })
    assert.equal(("\0"):rep(10), r.stdout)
    assert.is_true(r.stdout_truncated)
    assert.equal("err\n", r.stderr)
    assert.is_false(r.stderr_truncated)
    assert.equal(5, r.exit_code)
    r = sh("echo -n 12345", { max_output = 5 })
    assert.is_false(r.stdout_truncated)
    r = sh("echo -n 12345", { max_output = 0 })
    assert.equal("", r.stdout)
    assert.is_true(r.stdout_truncated)
  end)

  it("has a cap of one MiB by default", function()
    local r = sh "head -c 1048577 /dev/zero"
    assert.equal(1048576, #r.stdout)
    assert.is_true(r.stdout_truncated)
  end)

  it("is not waited for where a process of its group holds the pipe, which is killed", function()
    local marker = host.marker()
    local r = sh(("sleep %s & echo out"):format(marker))
    assert.equal("out\n", r.stdout)
    assert.is_true(r.duration_ms < 10000)
    assert.is_true(host.gone(marker))
  end)

  it("is not waited for where a process of another session holds the pipe", function()
    local marker = host.marker()
    local daemon = "(setsid sh -c 'echo; exec sleep %s' &) | { read x; echo out; }" -- holds stderr
    local r = sh(daemon:format(marker))
    assert.equal("out\n", r.stdout)
    assert.equal(1, #host.processes(marker))
    assert.is_true(r.duration_ms < 10000)
    for _, pid in ipairs(host.processes(marker)) do exec { "kill", "-9", tostring(pid) } end
    assert.is_true(host.gone(marker))
  end)

  it("may go to one place", function()
    assert.equal("a\nb\n", sh("echo a; echo b >&2", { stderr = "stdout" }).stdout)
    local r = sh("echo a; echo b >&2", { stdout = "null", stderr = "null" })
    assert.equal("", r.stdout .. r.stderr)
  end)
end)

describe("a command's time", function()
  it("ends with SIGTERM to its group, and what was printed is kept", function()
    local marker = host.marker()
    local r = sh(("echo before; sleep %s; echo after"):format(marker), { timeout_ms = 1000 })
    assert.equal("before\n", r.stdout)
    assert.is_true(r.timed_out)
    assert.equal(-1, r.exit_code)
    assert.equal(15, r.signal)
    assert.is_true(host.gone(marker))
  end)

  it("ends with SIGKILL after the grace for one that ignores SIGTERM", function()
    local marker = host.marker()
    local r = sh(("trap '' TERM; echo before; sleep %s; sleep %s"):format(marker, marker),
      { timeout_ms = 1000, grace_ms = 50 })
    assert.equal("before\n", r.stdout)
    assert.is_true(r.timed_out)
    assert.equal(-1, r.exit_code)
    assert.equal(9, r.signal)
    assert.is_true(host.gone(marker))
  end)

  it("ends for one that tidies up on SIGTERM with what it says then", function()
    local r = sh("trap 'echo bye; exit 3' TERM; echo hi; sleep 60 & wait", { timeout_ms = 1000 })
    assert.equal("hi\nbye\n", r.stdout)
    assert.is_true(r.timed_out)
    assert.equal(-1, r.exit_code)
  end)

  it("may be a fraction, or huge, or unlimited", function()
    for _, ms in ipairs { 60000.5, 1e300, 2 ^ 53, 0 } do
      assert.equal(0, exec({ "sleep", "0.01" }, { timeout_ms = ms }).exit_code)
    end
  end)

  it("is over before one of a millisecond is", function()
    assert.is_true(exec({ "sleep", "60" }, { timeout_ms = 1 }).timed_out)
  end)
end)

describe("what a command inherits", function()
  it("is descriptors 0, 1 and 2 only", function()
    local held <close> = assert(io.open("/dev/null"))
    local other <close> = assert(process.start { "cat" })
    local r = exec({ "ls", "/proc/self/fd" })
    assert.equal("0\n1\n2\n3\n", r.stdout) -- 3 is the folder that ls reads
    assert.truthy(held and other)
  end)

  it("is no blocked and no ignored signal", function()
    local _, out = host.script [[
      local kavach = require "kavach"
      local core = require "kavach.core"
      local int <close> = core.signal(2, function() end)
      io.write(kavach.process.exec({ "grep", "Sig[BI]", "/proc/self/status" }).stdout)
    ]]
    assert.matches("SigBlk:%s+0000000000000000", out)
    assert.matches("SigIgn:%s+0000000000000000", out)
    local r = require("support.program")
    local _, ignored = r.shell("trap '' INT TERM CHLD PIPE; " .. r.kavach
      .. [[ -e 'local exec = require "kavach".process.exec
          io.write(exec({ "grep", "SigIgn", "/proc/self/status" }).stdout)']])
    assert.matches("SigIgn:%s+0000000000000000", ignored)
  end)

  it("is a session of its own", function()
    local r = exec { "sh", "-c", "read -r pid comm state ppid pgrp session rest < /proc/self/stat;"
      .. " echo $$ $pgrp $session" }
    local pid, group, session = r.stdout:match "(%d+) (%d+) (%d+)"
    assert.equal(pid, group)
    assert.equal(pid, session)
  end)
end)

describe("many commands", function()
  it("may run at once", function()
    local numbers = {}
    for i = 1, 500 do numbers[i] = i end
    local results = kavach.map(numbers, nil, function(i)
      return exec({ "sh", "-c", "echo $0; exit $(($0 % 256))", tostring(i) })
    end)
    for i, r in ipairs(results) do
      assert.equal(i .. "\n", r.stdout)
      assert.equal(i % 256, r.exit_code)
    end
  end)

  it("leave no dead process behind", function()
    for _ = 1, 5 do exec { "true" } end
    sh "setsid true & setsid sh -c 'sleep 0.01' & :"
    assert.is_true(host.eventually(function()
      return #host.dead_children(host.supervisor()) == 0
    end))
  end)
end)

describe("without free descriptors, a command", function()
  it("fails with an error that says so, and leaks none", function()
    local program = require "support.program"
    local path = os.tmpname()
    host.write(path, [[
      local kavach = require "kavach"
      local process = kavach.process
      assert(process.exec { "true" })
      -- Not by a program that lists them: it may see the end of its pipe that is closed just now.
      local function open_ones()
        local list = {}
        for name in require("lfs").dir "/proc/self/fd" do list[#list + 1] = name end
        table.sort(list)
        return table.concat(list, " ")
      end
      local before = open_ones()
      local held, failures, message = {}, 0
      for i = 1, 40 do
        local p, e = process.start({ "sleep", "60" }, { stdin = "pipe" })
        if p then held[#held + 1] = p else failures, message = failures + 1, e end
      end
      for _, p in ipairs(held) do p:close() end
      kavach.sleep(0)
      print(failures > 0, #held > 0, message.kind, message)
      print(process.exec({ "echo", "works again" }).stdout, before == open_ones())
    ]])
    local code, out, errors = program.shell("ulimit -n 24; exec " .. program.kavach .. " " .. path)
    os.remove(path)
    assert.equal("", errors)
    assert.equal(0, code)
    assert.matches("^true\ttrue\texec_failed\tsleep: [^\n]*Too many open files\n", out)
    assert.matches("\nworks again\n\ttrue\n$", out)
  end)
end)
