-- With the real agent on this machine in the place of a VM; spec/cli/run_vm_spec.lua has real ones.

local guest = require "support.guest_program"
local host = require "support.host"
local json = require "kavach.json"
local kavach = require "kavach"
local standin = require "support.standin"

describe("kavach run", function()
  setup(guest.setup)
  teardown(guest.teardown)
  after_each(guest.assert_nothing_left)

  describe("passes on", function()
    it("output, apart, and the exit code", function()
      assert.same({ 7, "out\n", "err\n" }, { guest.run { "echo out; echo err >&2; exit 7" } })
    end)

    it("one word as a shell line, several as an argv, and after -- always an argv", function()
      assert.same({ 0, "a b\n", "" }, { guest.run { "echo a  b" } })
      assert.same({ 0, "a  b\n", "" }, { guest.run { "echo", "a  b" } })
      assert.same({ 0, "$HOME\n", "" }, { guest.run { "--", "echo", "$HOME" } })
      assert.equal(127, (guest.run { "--", "echo hi" }))
    end)

    it("options behind the command as its own", function()
      assert.same({ 0, "--json --timeout\n", "" }, { guest.run { "echo", "--json", "--timeout" } })
    end)

    it("127 for what is not found and 126 for what cannot be executed", function()
      local code, out, errors = guest.run { "--", "no-such-program" }
      assert.same({ 127, "" }, { code, out })
      assert.matches("^kavach: run: no%-such%-program: not found", errors)
      assert.equal(126, (guest.run { "--", "/etc/passwd" }))
      assert.equal(127, (guest.run { "no-such-program" })) -- the shell's own
    end)

    it("what keeps the guest from running it as that user", function()
      for user, why in pairs {
        nosuch = "user nosuch: not in the guest's /etc/passwd",
        ["0:nosuch"] = "group nosuch: not in the guest's /etc/group",
      } do
        assert.same({ 125, "", ("kavach: run: %s\n"):format(why) },
          { guest.run { "--user", user, "true" } })
      end
    end)

    it("128 and the signal that ended the command", function()
      assert.equal(137, (guest.run { "kill -9 $$" }))
    end)

    it("bytes that are no text", function()
      local _, out = guest.run { "printf '\\377\\000\\001'" }
      assert.equal("\255\0\1", out)
    end)

    it("no more of each stream than --max-output", function()
      assert.same({ 5, "123", "abc" }, { guest.run { "--max-output", "3",
        "echo 12345; echo abcdef >&2; exit 5" } })
    end)

    it("megabytes, both ways", function()
      local code, out = guest.shell [[make() { head -c 20000000 /dev/zero | tr '\0' x; }
        make | $K run cat | md5sum; make | md5sum]]
      assert.equal(0, code)
      local first, second = out:match "(%x+)  %-\n(%x+)  %-\n"
      assert.is_string(first)
      assert.equal(first, second)
    end)

    it("standard input from a pipe, a file, /dev/null and none at all", function()
      assert.same({ 0, "hi", "" }, { guest.shell "printf hi | $K run cat" })
      assert.same({ 0, "0\n", "" }, { guest.shell "$K run 'wc -c' </dev/null" })
      assert.same({ 0, "0\n", "" }, { guest.shell "$K run 'wc -c' <&-" })
      local _, out = guest.shell "wc -c </etc/passwd; $K run 'wc -c' </etc/passwd"
      local first, second = out:match "(%d+)\n(%d+)\n"
      assert.equal(first, second)
    end)

    it("variables and the folder to start in", function()
      local file = standin.folder .. "/env"
      local f = io.open(file, "w")
      f:write "# a comment\n\nA=from file\nB=two=2\r\nHOST_ONLY\n"
      f:close()
      local _, out = guest.run { "--env-file", file, "--env", "A=x y", "--env=C=",
        "--env", "NONE_SUCH", "--workdir", "/usr",
        "echo $A,$B,$C,$HOST_ONLY,${NONE_SUCH-unset}; pwd" }
      assert.equal("x y,two=2,,from the host,unset\n/usr\n", out)
    end)

    it("files in before and out afterwards", function()
      local there, back = standin.folder .. "/there", standin.folder .. "/back"
      local code, _, errors = guest.run { "--put", "/etc/passwd:" .. there,
        "--get", there .. ".2:" .. back, "cp " .. there .. " " .. there .. ".2; exit 3" }
      assert.same({ 3, "" }, { code, errors })
      assert.is_true(os.execute("cmp -s /etc/passwd " .. back))
    end)

    it("what a pipe brings, as a file", function()
      assert.same({ 0, "hi300000\n", "" }, { guest.shell [[$K run --put <(printf hi):$T/piped \
        --put /dev/stdin:$T/more "cd $T; cat piped; wc -c <more" \
        < <(head -c 300000 /dev/zero)]] })
    end)

    it("folders in before and out afterwards", function()
      local T = standin.folder
      assert(os.execute(("mkdir '%s/in' && echo hi >'%s/in/file'"):format(T, T)))
      local code, _, errors = guest.run { "--put", T .. "/in:" .. T .. "/in-guest",
        "--get", T .. "/in-guest:" .. T .. "/out", "echo more >" .. T .. "/in-guest/more" }
      assert.same({ 0, "" }, { code, errors })
      assert.is_true(os.execute(("cd '%s' && cmp -s in/file out/file && test -s out/more")
        :format(T)))
      code, _, errors = guest.run { "--max-copy", "2", "--put", T .. "/in:" .. T .. "/2", "true" }
      assert.equal(125, code)
      assert.matches("more than 2 bytes: --max-copy allows more", errors, 1, true)
    end)

    it("what is printed as soon as it is", function()
      local p <close> = guest.start { "echo first; read line; echo got $line" }
      assert.equal("first\n", p:read())
      p:write "x\n"
      assert.equal("got x\n", p:read())
      assert.equal(0, p:wait().exit_code)
    end)
  end)

  describe("ends", function()
    it("with 124 when the time is up, and keeps what was printed", function()
      local code, out, errors = guest.run { "--timeout", "2s", "echo before; sleep 1000" }
      assert.same({ 124, "before\n" }, { code, out })
      assert.matches("the time was up", errors, 1, true)
    end)

    it("with 124 when the time is up before the boot is over", function()
      assert.equal(124, (guest.run({ "--timeout", "200ms", "true" },
        { qemu = standin.shell "exec sleep 1000" })))
    end)

    it("with 124 when the time is up while files go in", function()
      assert.equal(124, (guest.run({ "--timeout", "200ms", "--put", "/etc/passwd:/tmp/x", "true" },
        { qemu = standin.shell "exec sleep 1000" })))
    end)

    it("with 124 when the time is up while a pipe has nothing to put in", function()
      assert.equal(124, (guest.shell("mkfifo $T/pipe && exec 3<>$T/pipe && "
        .. "$K run --timeout 1s --put /dev/fd/3:$T/x true")))
    end)

    it("with 124 though the command ignores SIGTERM and left a daemon", function()
      assert.equal(124, (guest.run { "--timeout", "300ms", "--grace", "100ms",
        "(setsid sleep 1000 &); trap '' TERM; while :; do sleep 1; done" }))
    end)

    it("quietly when nobody reads its output any more", function()
      local code, out, errors = guest.shell "$K run 'yes' | head -n 1; exit ${PIPESTATUS[0]}"
      assert.same({ 141, "y\n", "" }, { code, out, errors })
    end)

    it("with an error when its output cannot be written", function()
      local code, _, errors = guest.shell "$K run 'echo hi; sleep 1000' >/dev/full"
      assert.equal(125, code)
      assert.matches("No space left", errors, 1, true)
    end)

    it("as if nothing was wrong when there is no output and no place for it", function()
      assert.same({ 3, "", "" }, { guest.shell "$K run 'exit 3' >&-" })
    end)

    it("as the command does that a signal reaches", function()
      for signal, code in pairs { [2] = 42, [15] = 43 } do
        local p <close> = guest.start {
          "trap 'exit 42' INT; trap 'exit 43' TERM; echo up; while :; do sleep 0.05; done" }
        assert.equal("up\n", p:read())
        p:kill(signal)
        assert.equal(code, p:wait().exit_code)
      end
    end)

    it("by a second signal though the command ignores the first", function()
      local p <close> = guest.start {
        "trap 'echo caught' INT TERM; echo up; while :; do sleep 0.05; done" }
      assert.equal("up\n", p:read())
      p:kill(2)
      assert.equal("caught\n", p:read())
      p:kill(2)
      assert.equal(137, p:wait().exit_code)
    end)

    it("with 125 when QEMU is killed, before the guest is ready or after", function()
      local function killed(words, options, ready)
        local p <close> = guest.start(words, options)
        if ready then assert.equal("up\n", p:read()) end
        guest.eventually(function() return #guest.processes() > 0 end, "QEMU runs")
        assert(os.execute("kill -9 " .. guest.processes()[1])) -- the first is what was started
        local errors = p.stderr:read_all()
        assert.equal(125, p:wait().exit_code)
        return errors
      end
      assert.matches("was killed by signal 9 before the guest was ready",
        killed({ "true" }, { qemu = standin.shell "exec sleep 1000" }), 1, true)
      assert.matches("was killed by signal 9", killed({ "echo up; exec sleep 1000" }, {}, true),
        1, true)
    end)

    it("with 125 when what keeps its processes is killed, and leaves none", function()
      local p <close> = guest.start { "echo up; exec sleep 1000" }
      assert.equal("up\n", p:read())
      assert(os.execute("kill -9 " .. host.supervisor(p:pid())))
      assert.matches("is lost: the supervisor", p.stderr:read_all(), 1, true)
      assert.equal(125, p:wait().exit_code)
    end)

    it("by the first signal while it boots", function()
      local p <close> = guest.start({ "true" }, { qemu = standin.shell "exec sleep 1000" })
      guest.eventually(function() return #guest.processes() > 0 end, "QEMU runs")
      p:kill(15)
      assert.equal(143, p:wait().exit_code)
    end)
  end)

  describe("with --json", function()
    local function document(words, options)
      table.insert(words, 1, "--json")
      local code, out, errors = guest.run(words, options)
      assert.equal(1, select(2, out:gsub("\n", "")), out)
      return assert(json.decode(out)), code, errors
    end

    it("prints one document and nothing else", function()
      local r, code, errors = document { "echo out; echo err >&2; exit 3" }
      assert.same({ 3, "", 3, "out\n", "utf-8", "err\n", 1, false, "tcg", json.null },
        { code, errors, r.exit_code, r.stdout, r.stdout_encoding, r.stderr, r.version,
          r.confidential, r.backend, r.signal })
    end)

    it("has base64 for what is not UTF-8, and says what was cut", function()
      local r = document { "--max-output", "3", "printf '\\377\\376\\375\\374'; echo hi >&2" }
      assert.same({ "//79", "base64", true, "hi\n", "utf-8", false }, { r.stdout, r.stdout_encoding,
        r.stdout_truncated, r.stderr, r.stderr_encoding, r.stderr_truncated })
    end)

    it("says that the time was up", function()
      local r, code = document { "--timeout", "2s", "echo before; sleep 1000" }
      assert.same({ 124, -1, true, "before\n" }, { code, r.exit_code, r.timed_out, r.stdout })
    end)

    it("says what failed", function()
      local r, code = document({ "--", "no-such-program" })
      assert.same({ 127, 127, "exec_failed" }, { code, r.exit_code, r.error.kind })
      r, code = document({ "true" }, { qemu = standin.shell "echo broken >&2; exit 1" })
      assert.same({ 125, 125, "creation_failed" }, { code, r.exit_code, r.error.kind })
      assert.matches("broken", r.error.message, 1, true)
      r, code = document { "--env-file", "/no/such", "true" }
      assert.same({ 125, 125, "invalid_argument" }, { code, r.exit_code, r.error.kind })
    end)
  end)

  describe("refuses", function()
    local function refused(...)
      local code, out, errors = guest.run({ ... })
      assert.same({ 125, "" }, { code, out })
      return errors
    end

    it("what it does not know, and names the nearest", function()
      assert.matches("unknown option '--memry' (did you mean '--memory'?)",
        refused("--memry", "3", "true"), 1, true)
    end)

    it("limits that are negative, zero, fractional or huge", function()
      for _, value in ipairs { "-1", "0", "1.5", "99999999999", "x", "" } do
        assert.matches("--memory", refused("--memory=" .. value, "true"), 1, true)
      end
      for _, value in ipairs { "-1", "0", "256", "1e9", "nan", "x" } do
        assert.matches("--cpus", refused("--cpus=" .. value, "true"), 1, true)
      end
      assert.matches("cpu_limit", refused("--cpus=0.001", "true"), 1, true)
      for _, option in ipairs { "--max-pids", "--disk" } do
        for _, value in ipairs { "-1", "0", "1.5", "99999999999", "x" } do
          assert.matches(option, refused(option .. "=" .. value, "true"), 1, true)
        end
      end
      assert.matches("from 4 to 1048576", refused("--disk=3", "true"), 1, true)
    end)

    it("a policy that does not exist, two roots, and a root that is none", function()
      assert.equal("kavach: run: unknown policy: Lax (use minimal, basic, strict)\n",
        refused("--policy", "Lax", "true"))
      assert.matches("root", refused("--root", "/etc/passwd", "true"), 1, true)
      assert.matches("image", refused("--image", "/etc/passwd", "true"), 1, true)
      for _, option in ipairs { "--root=/", "--disk=8" } do
        assert.matches("is refused with sev-snp",
          refused("--dry-run", "--backend", "sev-snp", option, "true"), 1, true)
      end
      for _, value in ipairs { "-1s", "5h", "", "99999999999999h", "1e3" } do
        assert.matches("--timeout", refused("--timeout=" .. value, "true"), 1, true)
      end
    end)

    it("more memory than there is", function()
      assert.matches("the memory of this machine", refused("--memory=16000000", "true"), 1, true)
    end)

    it("hosts and ports that are none", function()
      assert.matches("network.allowed_hosts[1]", refused("--allow-host=127.0.0.1", "true"), 1, true)
      assert.matches("network.allowed_ports[2]",
        refused("--allow-port=80", "--allow-port=0", "true"), 1, true)
    end)

    it("to run nothing", function()
      assert.matches("no command", refused(), 1, true)
      assert.matches("no command", refused "--", 1, true)
    end)

    it("a mount of a file, of what is missing, and of nowhere", function()
      for mount, message in pairs {
        ["/etc/passwd:/x"] = "/etc/passwd: Not a directory",
        ["/no/such:/x"] = "/no/such: No such file",
        ["/tmp"] = "expected SRC:DST",
        ["/tmp:/x:ro:rw"] = "expected SRC:DST",
      } do
        assert.matches(message, refused("--mount", mount, "true"), 1, true)
      end
    end)

    it("a kernel that is missing, empty or none", function()
      local empty = standin.folder .. "/empty"
      io.open(empty, "w"):close()
      assert.matches("/no/such: No such file", refused("--kernel", "/no/such", "true"), 1, true)
      assert.matches("the file is empty", refused("--kernel", empty, "true"), 1, true)
      assert.matches("not a Linux kernel", refused("--kernel", "/etc/passwd", "true"), 1, true)
    end)

    it("sev-snp, and an environment file that is not there", function()
      assert.matches("sev-snp", refused("--backend", "sev-snp", "true"), 1, true)
      assert.matches("/no/such", refused("--env-file", "/no/such", "true"), 1, true)
      assert.matches("has no name", refused("--env", "=x", "true"), 1, true)
    end)

    it("an environment with a NUL, and an empty folder or user", function()
      local file = standin.folder .. "/nul"
      local f = io.open(file, "wb")
      f:write "A=1\nB=x\0y\n"
      f:close()
      assert.matches("nul:2: 'B' has a NUL in it", refused("--env-file", file, "true"), 1, true)
      assert.matches("--workdir", refused("--workdir", "", "true"), 1, true)
      assert.matches("--user", refused("--user=", "true"), 1, true)
    end)
  end)

  describe("--dry-run", function()
    it("has a network device only if there is to be a network", function()
      local function line(...)
        local code, out = guest.run { "--dry-run", "--backend", "tcg", ... }
        assert.equal(0, code)
        return out
      end
      assert.is_nil(line("true"):find "net")
      for _, words in ipairs {
        { "--network" }, { "--allow-host=a.example", "--allow-host=10.0.0.0/8" },
        { "--allow-port", "80", "--allow-port", "8000-8010" },
      } do
        words[#words + 1] = "true"
        assert.matches("virtio-net-pci,netdev=net0", line(table.unpack(words)), 1, true)
      end
    end)

    it("prints a command line that the shell reads back", function()
      local words = { "--dry-run", "--mount", standin.folder .. ":/x", "true" }
      local code, out = guest.run(words)
      assert.equal(0, code)
      local as_json = select(2, guest.run { "--json", table.unpack(words) })
      -- The counter's rate is measured by each run, and not to the last digit.
      local function steady(text) return (text:gsub("tsc_early_khz=%d+", "tsc_early_khz=1")) end
      local argv = assert(json.decode(steady(as_json))).argv
      local shell = io.popen("printf '%s\\0' " .. steady(out))
      local back = {}
      for word in shell:read "a":gmatch "([^%z]*)%z" do back[#back + 1] = word end
      shell:close()
      assert.same({ table.unpack(argv) }, back)
    end)

    it("works where nothing could run", function()
      local code, out = guest.run(
        { "--dry-run", "--kernel", "/no/kernel", "--backend", "kvm", "true" },
        { qemu = "/no/qemu" })
      assert.equal(0, code)
      assert.matches("^/no/qemu .*%-accel kvm .*%-kernel /no/kernel ", out)
    end)

    it("does not show the command or its environment", function()
      local _, out = guest.run { "--dry-run", "--env", "A=SECRET", "echo SECRET" }
      assert.is_nil(out:find("SECRET", 1, true))
    end)

    it("doubles the comma in a path", function()
      local folder = standin.folder .. "/a,readonly=off"
      os.execute("mkdir -p '" .. folder .. "'")
      local _, out = guest.run { "--dry-run", "--mount", folder .. ":/x", "true" }
      assert.matches("/a,,readonly=off,mount_tag=mount1,", out, 1, true)
    end)
  end)

  describe("--tty", function()
    it("gives the command a terminal of our size", function()
      local code, out = guest.shell [[script -qec "stty rows 33 cols 77;
        $K run -t 'tty >/dev/null && stty size'" /dev/null </dev/null]]
      assert.equal(0, code)
      assert.matches("33 77", out, 1, true)
    end)

    it("puts our terminal back, also when it is ended by a signal", function()
      local _, out = guest.shell [[script -qec "stty -a >$T/before; $K run -t true;
        stty -a >$T/after; timeout --foreground -s TERM 1 $K run -t 'sleep 1000';
        stty -a >$T/killed" /dev/null </dev/null
        cmp $T/before $T/after && cmp $T/before $T/killed && echo same]]
      assert.matches("same", out, 1, true)
    end)

    it("tells the command when our terminal's size changes", function()
      local p <close> = guest.start_shell([[exec script -qec 'tty >$T/tty; $K run -t "
        trap \"stty size; exit\" WINCH; echo up; while :; do sleep 0.05; done"' /dev/null]])
      local seen = ""
      local function read_until(text)
        while not seen:find(text, 1, true) do seen = seen .. assert(p:read(), seen) end
      end
      read_until "up"
      assert(os.execute(("stty rows 21 cols 71 -F $(cat '%s/tty')"):format(standin.folder)))
      read_until "21 71"
      assert.equal(0, p:wait().exit_code)
    end)

    it("is refused together with --json", function()
      assert.equal(125, (guest.run { "-t", "--json", "true" }))
    end)
  end)

  it("tells the steps with --verbose, and what it keeps with --keep", function()
    local code, out, errors = guest.run { "--verbose", "--keep", "echo hi" }
    assert.same({ 0, "hi\n" }, { code, out })
    assert.matches("%d+ ms: the guest's agent answers", errors)
    local kept = errors:match "kept (/[^\n]*)"
    assert.is_true(standin.exists(kept .. "/agent.sock"))
    assert(os.execute("rm -rf '" .. kept .. "'"))
  end)

  it("tells the steps as JSON lines with --log-format json", function()
    local _, _, errors = guest.run { "--verbose", "--log-format", "json", "true" }
    local count = 0
    for line in errors:gmatch "[^\n]+" do
      assert.equal("info", assert(json.decode(line)).level)
      count = count + 1
    end
    assert.is_true(count >= 4)
  end)

  it("says what the guest's console said when QEMU dies", function()
    local code, _, errors = guest.run({ "true" },
      { qemu = standin.shell "echo 'Kernel panic - not syncing: no init'; exit 0" })
    assert.equal(125, code)
    assert.matches("panicked", errors, 1, true)
    assert.matches("last lines of the guest's console:\n  Kernel panic", errors, 1, true)
  end)

  describe("killed by -9 leaves nothing", function()
    it("at whatever moment that is", function()
      for ms = 0, 120, 8 do
        local p <close> = guest.start { "sleep 1000" }
        kavach.sleep(ms)
        p:kill(9)
        p:wait()
      end
      guest.assert_nothing_left()
    end)

    it("while QEMU starts", function()
      local p <close> = guest.start({ "true" }, { qemu = standin.shell "exec sleep 1000" })
      guest.eventually(function()
        local dir = guest.directories()[1]
        return dir and standin.exists(dir .. "/qmp.sock")
      end, "the sockets are there")
      p:kill(9)
      p:wait()
      guest.assert_nothing_left()
    end)

    it("while it boots", function()
      local p <close> = guest.start({ "true" }, { qemu = standin.shell "sleep 1000 & sleep 1000" })
      guest.eventually(function() return #guest.processes() > 1 end, "QEMU runs")
      p:kill(9)
      p:wait()
      guest.assert_nothing_left()
    end)

    it("while the command runs", function()
      local p <close> = guest.start { "echo up; sleep 1000" }
      assert.equal("up\n", p:read())
      p:kill(9)
      p:wait()
      guest.assert_nothing_left()
    end)
  end)

  it("clears away what a host has left that was killed with its helper", function()
    local stale = guest.runtime .. "/kavach/vm-4194304-1" -- no process can have that number
    assert(os.execute(("mkdir -p -m 700 '%s' && touch '%s/agent.sock'"):format(stale, stale)))
    assert.equal(0, (guest.run { "true" }))
    assert.is_false(standin.exists(stale))
  end)

  it("says so when there is no space for its private directory", function()
    local place = standin.folder .. "/tiny"
    os.execute("mkdir -m 700 '" .. place .. "'")
    local mount = "mount -t tmpfs -o size=4k,nr_inodes=2,mode=700 tiny '%s' 2>/dev/null"
    if not os.execute(mount:format(place)) then
      pending "needs the right to mount"
      return
    end
    local code, _, errors = guest.run({ "true" }, { env = { XDG_RUNTIME_DIR = place } })
    os.execute("umount '" .. place .. "'")
    assert.equal(125, code)
    assert.matches("No space left", errors, 1, true)
    assert.matches(place, errors, 1, true)
  end)
end)
