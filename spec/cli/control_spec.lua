-- With the real agent on this machine in the place of a VM; spec/cli/control_vm_spec.lua has real
-- ones.

local guest = require "support.guest_program"
local host = require "support.host"
local json = require "kavach.json"
local kavach = require "kavach"
local lfs = require "lfs"
local standin = require "support.standin"

--- What lies in the private folder, sockets and names too.
local function files()
  local list, folder = {}, guest.runtime .. "/kavach"
  if lfs.attributes(folder) then
    for name in lfs.dir(folder) do
      if not name:find "^%.%.?$" then list[#list + 1] = name end
    end
  end
  table.sort(list)
  return list
end

--- Runs a shell line that has to succeed; its output.
local function ok(line)
  local code, out, errors = guest.shell(line)
  assert.same({ 0, "" }, { code, errors }, line)
  return out
end

local function document(line)
  local value = assert(json.decode(ok(line)))
  assert.equal(1, value.version)
  return value
end

--- Starts one in the background: its name, and the number of its host.
local function start(name, more)
  return document(("$K start --json --name %s %s"):format(name, more or "")).pid
end

describe("sandboxes that live on", function()
  setup(guest.setup)
  teardown(guest.teardown)

  after_each(function()
    guest.shell "$K stop --all --grace 0s"
    guest.assert_nothing_left()
    guest.eventually(function() return #files() == 0 end, "no file is left")
  end)

  it("are started, listed, used, read and stopped", function()
    assert.equal("web\n", ok "$K start --name web -- sh -c 'echo to out; echo to err >&2'")
    assert.matches("^NAME +ID +STATE +BACKEND +CPUS +MEMORY +USED +AGE +COMMANDS\n"
      .. "web +%d+%-1 +%l+ +tcg +2 +512M +[%d.]+[KM] +%d+s\n$", ok "$K ps")
    assert.equal("web\n", ok "$K ps -q")
    assert.same({ 7, "out\ntyped", "err\n" },
      { guest.shell "printf typed | $K exec web 'echo out; cat; echo err >&2; exit 7'" })
    local said = ok "$K logs -f web"
    assert.matches("to out\n", said, 1, true)
    assert.matches("to err\n", said, 1, true)
    assert.equal("web\n", ok "$K stop web --grace 100ms")
    assert.same({}, files())
    assert.matches("^NAME[^\n]*\n$", ok "$K ps")
    assert.equal("", ok "$K ps -q")
  end)

  it("have their host in a session of its own, with nothing of what it is told in view", function()
    local pid = start("web", "--env TOKEN=s3cret -- sh -c 'sleep 1000 # s3cret'")
    assert.matches("kavach\0serve\0%-%-detached\0$", host.slurp("/proc/" .. pid .. "/cmdline"))
    assert.equal("/", lfs.symlinkattributes("/proc/" .. pid .. "/cwd", "target"))
    assert.equal("s3cret\n", ok "$K exec web 'echo $TOKEN'")
    local terminal = host.slurp("/proc/" .. pid .. "/stat")
      :match "^.*%) %a %-?%d+ %-?%d+ %-?%d+ (%-?%d+)"
    assert.equal("0", terminal)
    for _, name in ipairs(files()) do
      local mode = lfs.symlinkattributes(guest.runtime .. "/kavach/" .. name, "permissions")
      if name:find "%.sock$" or name:find "%.log$" then assert.equal("rw-------", mode) end
    end
  end)

  it("outlive the terminal that they were started from", function()
    assert.matches("web", ok [[script -qec "$K start --name web" /dev/null </dev/null]], 1, true)
    assert.equal("hi\n", ok "$K exec web 'echo hi'")
  end)

  describe("are found", function()
    it("by name, by id, and by what one id alone begins with", function()
      local pid = start "web"
      assert.equal("1\n", ok "$K exec web 'echo 1'")
      assert.equal("2\n", ok(("$K exec %d-1 'echo 2'"):format(pid)))
      assert.equal("3\n", ok(("$K exec %d 'echo 3'"):format(pid)))
    end)

    it("or the nearest is named", function()
      start "web"
      for _, line in ipairs { "exec wbe true", "logs wbe", "stop wbe" } do
        local code, out, errors = guest.shell("$K " .. line)
        assert.same({ line:find "exec" and 125 or 1, "" }, { code, out })
        assert.matches("no sandbox 'wbe' (did you mean 'web'?); kavach ps lists them", errors, 1,
          true)
      end
    end)

    it("in scripts and under kavach run, too", function()
      local p <close> = guest.start { "--name", "running", "echo up; exec sleep 1000" }
      assert.equal("up\n", p:read())
      local s <close> = guest.start_shell [[$K -e '
        local kavach = require "kavach"
        local a <close> = assert(kavach.sandbox())
        local b <close> = assert(kavach.sandbox { name = "scripted" })
        print "up"
        io.stdout:flush()
        kavach.sleep(60000)']]
      assert.equal("up\n", s:read())
      local list = document "$K ps --json".sandboxes
      assert.equal(3, #list)
      assert.equal("1\n", ok "$K exec running 'echo 1'")
      assert.equal("2\n", ok "$K exec scripted 'echo 2'")
      for _, box in ipairs(list) do
        if box.name == "running" then
          assert.equal("echo up; exec sleep 1000", box.commands[1].command)
        end
      end
      -- What has more to do goes on.
      assert.equal("scripted\n", ok "$K stop scripted --grace 0s")
      assert.equal(2, #document "$K ps --json".sandboxes)
      p:kill(15)
      p:wait()
    end)

    it("not in a host that was not asked to let them be", function()
      local code = [[
        local kavach = require "kavach"
        local box <close> = assert(kavach.sandbox())
        os.execute("$K ps -q | wc -l")
        assert(kavach.control.listen())
        os.execute("$K ps -q | wc -l; $K exec " .. box.id .. " 'echo in'")]]
      -- It is this process that its loop is for: the shell's kavach must not wait for it.
      code = code:gsub("os.execute(%b())", function(line)
        return ("io.write(kavach.process.exec({ 'sh', '-c', %s }).stdout)"):format(line)
      end)
      local file = host.write(standin.folder .. "/stock.lua", code)
      local stock = host.interpreters()[2]
      if not stock then pending "stock Lua cannot load this build" return end
      assert.equal("0\n1\nin\n", ok(stock .. " " .. file))
    end)
  end)

  describe("are listed with the memory that they use", function()
    it("as the system tells it of their QEMU", function()
      start "web"
      local box = document "$K ps --json".sandboxes[1]
      local now = host.slurp(("/proc/%d/smaps_rollup"):format(box.qemu_pid))
      now = tonumber(now:match "\nPss:%s*(%d+) kB")
      assert.equal("integer", math.type(box.pss_kb))
      assert.is_true(math.abs(box.pss_kb - now) < now / 2, box.pss_kb .. " " .. now)
      assert.equal(json.null, box.template)
    end)

    it("or without, if it tells nothing or the host is of an earlier version", function()
      local s <close> = guest.start_shell [[$K -e '
        local kavach = require "kavach"
        local box <close> = assert(kavach.sandbox { name = "old" })
        require "kavach.sandbox.control.methods"
        kavach.control.register("ps", { run = function()
          return { sandboxes = { { id = box.id, name = "old", state = "running", backend = "tcg",
            cpus = 2, memory_mb = 512, age_ms = 61000, commands = {} } } }
        end })
        print "up"
        io.stdout:flush()
        kavach.sleep(60000)']]
      assert.equal("up\n", s:read())
      assert.matches("\nold +%d+%-1 +running +tcg +2 +512M +%- +1m\n$", ok "$K ps")
      local box = document "$K ps --json".sandboxes[1]
      assert.same({ json.null, json.null }, { box.pss_kb, box.template })
      s:kill(15)
      s:wait()
    end)
  end)

  it("can be let out of reach again", function()
    assert.equal("1 0 1\n", ok [[$K -e '
      local kavach = require "kavach"
      local box <close> = assert(kavach.sandbox { name = "web" })
      local function count()
        local r = assert(kavach.process.exec({ os.getenv "K", "ps", "-q" }))
        return select(2, r.stdout:gsub("\n", ""))
      end
      local first = count()
      kavach.control.close(1000)
      local second = count()
      assert(kavach.control.listen())
      print(first .. " " .. second .. " " .. count())']])
  end)

  describe("have names", function()
    it("that only one can have at a time", function()
      start "web"
      local code, out, errors = guest.shell "$K start --name web"
      assert.same({ 125, "" }, { code, out })
      assert.matches("^kavach: start: the name 'web' is in use by another sandbox, of process %d+",
        errors)
      assert.equal(125, (guest.shell "$K run --name web true"))
      ok "$K stop web --grace 100ms"
      ok "$K start --name web"
    end)

    it("that only one of many at once gets", function()
      local code, out = guest.shell [[
        for i in 1 2 3 4; do $K start --name web 2>/dev/null & done; wait]]
      assert.same({ 0, "web\n" }, { code, out })
    end)

    it("of letters, digits and a few signs", function()
      for _, name in ipairs { "-x", "a/b", "a b", ".", "", ("x"):rep(65) } do
        local code, _, errors = guest.shell("$K start '--name=" .. name .. "'")
        assert.equal(125, code)
        assert.matches("sandbox: name must be at most 64 letters", errors, 1, true)
      end
    end)

    it("or else their ids", function()
      assert.matches("^%d+%-1\n$", ok "$K start")
    end)
  end)

  describe("run commands", function()
    it("many at once, with megabytes of input", function()
      start "web"
      assert.equal("1000000\n1000000\n", ok [[
        head -c 1000000 /dev/zero | $K exec web 'sleep 0.2; wc -c' &
        head -c 1000000 /dev/zero | $K exec web 'wc -c'; wait]])
      assert.equal("", ok [[$K exec web 'seq 800000; seq 800000 | md5sum >&2' 2>$T/sum |
        md5sum >$T/own && cmp $T/own $T/sum]])
    end)

    it("with variables, a folder, words and shell lines as kavach run has them", function()
      start "web"
      assert.equal("b c\n/usr\n", ok "$K exec web --env 'A=b c' --workdir /usr 'echo $A; pwd'")
      assert.equal("a  b\n", ok "$K exec web -- echo 'a  b'")
      assert.equal("a b\n", ok "$K exec web 'echo a  b'")
      assert.equal("--json\n", ok "$K exec web echo --json")
      assert.equal("\255\n", ok "$K exec web -- echo $'\\xff'")
    end)

    it("and pass on how they end", function()
      start "web"
      assert.equal(137, (guest.shell "$K exec web 'kill -9 $$'"))
      local code, _, errors = guest.shell "$K exec web -- no-such-program"
      assert.same({ 127, "kavach: exec: no-such-program: not found in the guest\n" },
        { code, errors })
      assert.equal(126, (guest.shell "$K exec web -- /etc/passwd"))
      assert.equal(125, (guest.shell "$K exec web"))
      assert.equal(125, (guest.shell "$K exec web --no-such-option true"))
    end)

    it("and their result as a document", function()
      start "web"
      local code, out = guest.shell "$K exec --json web 'echo out; echo err >&2; exit 3'"
      local result = assert(json.decode(out))
      assert.same({ 3, 3, "out\n", "err\n", false, "tcg" }, { code, result.exit_code, result.stdout,
        result.stderr, result.timed_out, result.backend })
    end)

    it("until the time is up, and not longer", function()
      start "web"
      local marker = host.marker()
      local code, out = guest.shell("$K exec web --timeout 300ms 'echo before; exec sleep "
        .. marker .. "'")
      assert.same({ 124, "before\n" }, { code, out })
      assert.is_true(host.gone("sleep\0" .. marker))
    end)

    it("that signals reach", function()
      start "web"
      local p <close> = guest.start_shell
        "exec $K exec web 'trap \"exit 42\" INT; echo up; while :; do sleep 0.05; done'"
      assert.equal("up\n", p:read())
      p:kill(2)
      assert.equal(42, p:wait().exit_code)
    end)

    it("that a third signal gives up on, though nobody answers any more", function()
      local pid = start "web"
      local p <close> = guest.start_shell "exec $K exec web 'trap \"\" INT; echo up; sleep 1000'"
      assert.equal("up\n", p:read())
      assert(os.execute("kill -STOP " .. pid))
      for _ = 1, 3 do
        p:kill(2)
        kavach.sleep(50) -- else they are one signal
      end
      local exit = p:wait().exit_code
      assert(os.execute("kill -CONT " .. pid))
      assert.same({ 130, "" }, { exit, p.stderr:read_all() })
    end)

    it("that end with their kavach exec, even by -9", function()
      start "web"
      local marker = host.marker()
      local p <close> = guest.start_shell("exec $K exec web 'echo up; exec sleep " .. marker .. "'")
      assert.equal("up\n", p:read())
      p:kill(9)
      p:wait()
      assert.is_true(host.gone("sleep\0" .. marker))
      assert.equal("hi\n", ok "$K exec web 'echo hi'")
    end)

    it("quietly when nobody reads on", function()
      start "web"
      assert.same({ 141, "y\n", "" },
        { guest.shell "$K exec web yes | head -n 1; exit ${PIPESTATUS[0]}" })
    end)

    it("on a terminal of their own", function()
      start "web"
      assert.matches("tty\r?\n",
        ok [[script -qec "$K exec web -t 'test -t 0 && echo tty'" /dev/null]])
    end)
  end)

  describe("keep what their command printed", function()
    it("its last MiB", function()
      start("web", "-- sh -c 'head -c 5000000 /dev/zero | tr \"\\0\" x; echo; echo the end'")
      local code, out, errors = guest.shell "$K logs -f web | tail -c 8; $K logs web | wc -c"
      assert.same({ 0, "the end\n" }, { code, out:sub(1, 8) })
      local count = tonumber(out:match "%d+")
      assert.is_true(count >= 1024 * 1024 and count < 1024 * 1024 + 70000)
      assert.matches("bytes before these are not kept any more", errors, 1, true)
    end)

    it("and show it as it comes", function()
      start("web", ("-- sh -c 'echo first; while ! test -e %s/go; do sleep 0.05; done; echo last'")
        :format(standin.folder))
      local p <close> = guest.start_shell "exec $K logs -f web"
      assert.equal("first\n", p:read())
      assert.equal("first\n", ok "$K logs web")
      host.write(standin.folder .. "/go", "")
      assert.equal("last\n", p:read())
      assert.equal(0, p:wait().exit_code)
      os.remove(standin.folder .. "/go")
    end)

    it("escaped on a terminal, as it is elsewhere, and as a document", function()
      start("web", "-- printf '\\033]0;x\\007\\033[2Jhi\\n'")
      assert.equal("\27]0;x\7\27[2Jhi\n", ok "$K logs -f web")
      assert.equal("\\x1b]0;x\\x07hi\r\n", ok [[script -qec "$K logs web" /dev/null]])
      local log = document "$K logs --json web"
      assert.same({ "web", "\27]0;x\7\27[2Jhi\n", "utf-8", 0 },
        { log.sandbox, log.output, log.output_encoding, log.lost })
    end)

    it("if they have one", function()
      start "web"
      local code, _, errors = guest.shell "$K logs web"
      assert.equal(1, code)
      assert.matches("not started with a command; --console shows", errors, 1, true)
      ok "$K logs --console web"
    end)
  end)

  describe("are not there", function()
    it("for a command that cannot be started", function()
      local code, out, errors = guest.shell "$K start --name web -- no-such-program"
      assert.same({ 127, "", "kavach: start: no-such-program: not found in the guest\n" },
        { code, out, errors })
      assert.equal(126, (guest.shell "$K start --name web -- /etc/passwd"))
    end)

    it("for options that are wrong, with the messages of kavach run", function()
      for _, options in ipairs { "--mount x", "--memory 0", "--no-such", "--env =x",
        "--backend none" } do
        local code, _, errors = guest.shell("$K start " .. options)
        local other, _, expected = guest.shell("$K run " .. options .. " true")
        assert.same({ 125, 125 }, { code, other })
        assert.equal(expected:gsub("run", "start"), errors)
      end
    end)

    it("for a command that is to be measured, which would be the only one", function()
      local code, _, errors = guest.shell "$K start --transport measured true"
      assert.same({ 125, "kavach: start: --transport measured is for kavach run: a guest that "
        .. "carries its command runs no other\n" }, { code, errors })
    end)

    it("for a QEMU that dies, with its last words", function()
      local code, out, errors = guest.shell("$K start --json --name web",
        standin.shell "echo 'no such machine' >&2; exit 3")
      assert.equal(125, code)
      assert.matches("no such machine", errors, 1, true)
      assert.equal("creation_failed", assert(json.decode(out)).error.kind)
    end)

    it("for a boot that takes too long", function()
      local code, _, errors = guest.shell("$K start --timeout 200ms",
        standin.shell "exec sleep 1000")
      assert.equal(125, code)
      assert.matches("was not ready within 200 ms", errors, 1, true)
    end)

    it("when the start was interrupted", function()
      local marker = host.marker()
      local env = guest.environment(standin.shell("exec sleep " .. marker))
      local p <close> = assert(kavach.process.start({ guest.kavach, "start", "--name", "web" },
        { env = env }))
      assert.is_true(host.eventually(function() return #host.processes(marker) > 0 end))
      p:kill(2)
      assert.equal(130, p:wait().exit_code)
      assert.is_true(host.gone(marker))
    end)

    it("when their time to live is over", function()
      local pid = start("web", "--ttl 300ms --grace 0s")
      guest.eventually(function() return not standin.alive(pid) end, "the host ends")
      assert.equal("", ok "$K ps -q")
    end)

    it("when the guest powers off by itself", function()
      local pid = start "web"
      for _, box in ipairs(document "$K ps --json".sandboxes) do
        assert(os.execute("kill -9 " .. box.qemu_pid))
      end
      guest.eventually(function() return not standin.alive(pid) end, "the host ends")
    end)

    it("when their host was killed by -9", function()
      local pid = start("web", "-- sleep 1000")
      os.execute("kill -9 " .. pid)
      guest.assert_nothing_left()
      guest.eventually(function() return #files() == 0 end, "no file is left")
      assert.equal("", ok "$K ps -q")
      ok "$K start --name web"
    end)

    it("when its supervisor was killed, too: who looks then clears up", function()
      local pid = start "web"
      local supervisor = host.supervisor(pid)
      os.execute(("kill -STOP %d; kill -9 %d %d"):format(supervisor, pid, supervisor))
      guest.eventually(function() return not standin.alive(pid) end, "the host ends")
      assert.is_true(#files() > 0)
      assert.equal("", ok "$K ps -q")
      for _, name in ipairs(files()) do assert.matches("^vm%-", name) end
      ok "$K start --name web" -- sweeps the directory
    end)
  end)

  it("of a host that does not answer are shown as busy", function()
    local pid = start "web"
    start "other"
    os.execute("kill -STOP " .. pid)
    local before = kavach.now()
    local out = ok "$K ps"
    local took = kavach.now() - before
    assert.matches(("\n%%- +%d +busy\n"):format(pid), out)
    assert.matches("\nother ", out)
    assert.is_true(took < 3000)
    assert.equal("1\n", ok "$K exec other 'echo 1'")
    local code, _, errors = guest.shell "$K exec web true"
    assert.equal(125, code)
    assert.matches("'web' is busy: its process " .. pid .. " does not answer", errors, 1, true)
    assert.same({ pid }, document "$K ps --json".busy_pids)
    os.execute("kill -CONT " .. pid)
    assert.equal("2\n", ok "$K exec web 'echo 2'")
  end)

  it("are stopped together, and each that is not there is told", function()
    start "a"
    start "b"
    local code, out, errors = guest.shell "$K stop a nonesuch b --grace 100ms"
    assert.same({ 1, "a\nb\n" }, { code, out })
    assert.matches("^kavach: stop: nonesuch: no sandbox 'nonesuch'", errors)
    assert.same({}, files())
    start "a"
    start "b"
    assert.same({ stopped = { "a", "b" }, failed = {}, version = 1 },
      document "$K stop --all --json --grace 0s")
    assert.equal("", ok "$K stop --all")
    assert.equal(64, (guest.shell "$K stop"))
    assert.equal(64, (guest.shell "$K stop --all a"))
  end)

  it("are ended while they boot, too", function()
    local p <close> = guest.start({ "--name", "slow", "true" },
      { qemu = standin.shell "exec sleep 60" })
    guest.eventually(function() return ok "$K ps -q" == "slow\n" end, "it is listed")
    assert.matches("slow +%d+%-1 +created", ok "$K ps")
    assert.equal("slow\n", ok "$K stop slow")
    assert.equal(125, p:wait().exit_code)
  end)

  it("are started by the examples of the help", function()
    for line in ok("$K start --help"):gmatch "\n   kavach (start [^\n]*)" do
      line = line:gsub("make 2>&1", "true")
      assert.matches("^%l+\n$", ok("$K " .. line))
    end
    assert.equal("build\nweb\n", ok "$K stop --all --grace 0s")
  end)

  it("can have their host in the foreground", function()
    local p <close> = guest.start_shell "exec $K serve --name web"
    assert.equal("web\n", p:read())
    assert.equal("1\n", ok "$K exec web 'echo 1'")
    p:kill(15)
    assert.equal(0, p:wait().exit_code)
    assert.same({}, files())
    local q <close> = guest.start_shell "exec $K serve --name web"
    assert.equal("web\n", q:read())
    assert.equal("web\n", ok "$K stop web --grace 100ms")
    assert.equal(0, q:wait().exit_code)
    local r <close> = guest.start_shell "exec $K serve --name web"
    assert.equal("web\n", r:read())
    assert(os.execute("kill -9 " .. document "$K ps --json".sandboxes[1].qemu_pid))
    assert.matches("kavach: serve: QEMU .* was killed by signal 9", r.stderr:read_all())
    assert.equal(125, r:wait().exit_code)
  end)
end)
