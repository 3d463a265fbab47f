-- With stand-ins for QEMU; the machine's KVM, or what the spec says of it, is looked at as it is.

local backend = require "kavach.sandbox.backend"
local guest = require "support.guest_program"
local json = require "kavach.json"
local kavach = require "kavach"
local program = require "support.program"
local standin = require "support.standin"

describe("kavach doctor", function()
  local qemu
  setup(function()
    guest.setup()
    qemu = standin.shell [[
      [ "$1" = --version ] && echo "QEMU emulator version 7.2.22 (Debian)"
      exit 0]]
  end)
  teardown(guest.teardown)

  -- Its document, by the names of the checks, and its exit code; `before` sets variables.
  local function examine(before, other)
    local code, out, errors = guest.shell(before .. " $K doctor --json", other or qemu)
    assert.equal("", errors)
    assert.equal(1, select(2, out:gsub("\n", "")))
    local document = assert(json.decode(out))
    local checks = {}
    for _, check in ipairs(document.checks) do
      assert.is_nil(checks[check.name])
      checks[check.name] = check
    end
    return checks, code, document
  end

  it("says what it found, and that sandboxes run where they do", function()
    local checks, code, document = examine ""
    assert.same({ 0, true, 1 }, { code, document.ok, document.version })
    assert.is_true(document.backend == "tcg" or document.backend == "kvm")
    for _, name in ipairs { "qemu", "kernel", "image", "pair", "tcg", "private" } do
      assert.equal("ok", checks[name].state, name)
    end
    assert.matches(qemu .. ", version 7.2.22", checks.qemu.found, 1, true)
    assert.matches(standin.kernel, checks.kernel.found, 1, true)
    assert.equal(standin.initrd, checks.image.found)
    assert.matches(guest.runtime .. "/kavach, %d+ MiB free", checks.private.found)
    assert.equal("missing", checks["sev-snp"].state)
    assert.is_string(checks["sev-snp"].advice)
    assert.is_nil(checks.probe)
    assert.same({}, guest.directories())
  end)

  it("prints a line for each, with advice under what does not work", function()
    local code, out = guest.shell("$K doctor", qemu)
    assert.equal(0, code)
    assert.matches("ok      qemu         " .. qemu, out, 1, true)
    assert.matches("\nmissing sev%-snp      [^\n]+\n +%-> [^\n]+\n", out)
    assert.matches("\nSandboxes run here, with the backend %l+%.\n$", out)
    code, out = guest.shell("KAVACH_QEMU=/no/qemu $K doctor", qemu)
    assert.equal(1, code)
    assert.matches("^MISSING qemu [^\n]+\n +%$ apt install [^\n]+\n", out)
    assert.matches("do not run here", out, 1, true)
  end)

  it("tells a QEMU that is missing, too old, or none from one that works", function()
    for message, path in pairs {
      ["/no/qemu: No such file"] = "/no/qemu",
      ["too old"] = standin.shell "echo QEMU emulator version 2.5.0",
      ["is it QEMU?"] = standin.shell "printf '\\033]0;x\\007 \\377'",
    } do
      local checks, code, document = examine("", path)
      assert.same({ 1, false, json.null }, { code, document.ok, document.backend })
      assert.equal("missing", checks.qemu.state)
      assert.matches(message, checks.qemu.found, 1, true)
      assert.equal("apt install qemu-system-x86", checks.qemu.command)
      assert.equal("missing", checks.tcg.state)
    end
  end)

  it("has QEMU's own words when that refuses the machine", function()
    local checks, code = examine("", standin.shell [[
      [ "$1" = --version ] && { echo "QEMU emulator version 9.0"; exit; }
      echo "qemu: unsupported machine type" >&2
      exit 1]])
    assert.equal(1, code)
    assert.equal("ok", checks.qemu.state)
    assert.equal("missing", checks.tcg.state)
    assert.matches("unsupported machine type", checks.tcg.found, 1, true)
    assert.is_true(checks.tcg.required)
  end)

  it("says how to get a guest that is missing", function()
    local checks, code = examine "KAVACH_KERNEL=/no/kernel"
    assert.equal(1, code)
    assert.matches("/no/kernel: No such file", checks.kernel.found, 1, true)
    assert.matches("^cmake %-%-build", checks.kernel.command)
    assert.equal("ok", checks.image.state)
    checks, code = examine "KAVACH_INITRD=/no/initrd"
    assert.equal(1, code)
    assert.matches("/no/initrd: No such file", checks.image.found, 1, true)
    assert.equal("ok", checks.kernel.state)
  end)

  it("warns of a kernel and a QEMU that do not go together", function()
    local folder = standin.folder .. "/guest"
    assert(os.execute(("mkdir '%s' && cp '%s' '%s/bzImage'"):format(folder, standin.kernel,
      folder)))
    local file = assert(io.open(folder .. "/manifest.json", "w"))
    file:write [[{"kernel_release": "6.12.9-cloud", "bzimage_sha256": "5ea1",
      "agent_version": "0.0.1"}]]
    file:close()
    local checks, code = examine(("KAVACH_KERNEL='%s/bzImage'"):format(folder))
    assert.equal(0, code)
    assert.matches("Linux 6.12.9-cloud", checks.kernel.found, 1, true)
    assert.matches("sha256 5ea1", checks.kernel.found, 1, true)
    assert.equal("warning", checks.pair.state)
    assert.matches("QEMU 7.2.22 with Linux 6.12.9-cloud", checks.pair.found, 1, true)
    assert.is_string(checks.pair.advice)
    assert.equal("warning", checks.agent.state)
    assert.matches("^version 0.0.1, this is kavach ", checks.agent.found)
    assert.is_string(checks.agent.command)
  end)

  it("tells where saved guests are, and when none can be", function()
    local place = standin.folder .. "/templates"
    local checks = examine(("XDG_CACHE_HOME='%s'"):format(place))
    assert.equal("ok", checks.templates.state)
    assert.equal(place .. "/kavach/templates, saved guests: 0, of 0 MiB", checks.templates.found)
    assert(os.execute(("chmod 755 '%s/kavach/templates'"):format(place)))
    checks = examine(("XDG_CACHE_HOME='%s'"):format(place))
    assert.equal("warning", checks.templates.state)
    assert.matches("each sandbox boots: " .. place .. "/kavach/templates: others may",
      checks.templates.found, 1, true)
    checks = examine("env -u XDG_CACHE_HOME -u HOME")
    assert.matches("neither XDG_CACHE_HOME nor HOME", checks.templates.found, 1, true)
  end)

  it("counts the saved guests that are of no use", function()
    local place = standin.folder .. "/broken"
    local name = ("a"):rep(32)
    assert(os.execute(("umask 077; mkdir -p '%s/kavach/templates/%s'"):format(place, name)))
    local checks = examine(("XDG_CACHE_HOME='%s'"):format(place))
    assert.equal("warning", checks.templates.state)
    assert.matches("saved guests: 1, of 0 MiB; 1 cannot be used: ", checks.templates.found, 1, true)
    assert.equal("kavach template clear --bad", checks.templates.command)
  end)

  it("does not wait longer than a second for a QEMU that hangs", function()
    local slow = standin.shell "exec sleep 60"
    local before = kavach.now()
    local checks, code = examine("", slow)
    assert.is_true(kavach.now() - before < 10000)
    assert.equal(1, code)
    assert.equal("missing", checks.qemu.state)
    slow = standin.shell [[
      [ "$1" = --version ] && { echo "QEMU emulator version 9.0"; exit; }
      exec sleep 60]]
    checks, code = examine("", slow)
    -- It may be that the machine is busy, so this is no proof that nothing runs here.
    assert.equal(0, code)
    assert.equal("warning", checks.tcg.state)
    assert.matches("did not start within 1000 ms", checks.tcg.found, 1, true)
  end)

  it("says what fits: sandboxes by memory, and by the descriptors that may be open", function()
    local checks = examine "ulimit -n 64;"
    assert.matches("^%d+ MiB available", checks.memory.found)
    assert.equal("warning", checks.descriptors.state)
    assert.matches("64 may be open at once: enough for 5 ", checks.descriptors.found, 1, true)
    assert.matches("^ulimit %-n ", checks.descriptors.command)
    assert.is_false(checks.descriptors.required)
  end)

  it("finds the cache of certificates", function()
    local cache = standin.folder .. "/cache"
    assert(os.execute(("mkdir -p '%s/kavach/certs/index' && touch '%s/kavach/certs/index/vcek'")
      :format(cache, cache)))
    local checks = examine(("XDG_CACHE_HOME='%s'"):format(cache))
    assert.equal("ok", checks.certificates.state)
    assert.matches(cache .. "/kavach/certs, certificates and revocation lists: 1",
      checks.certificates.found, 1, true)
    checks = examine "HOME= XDG_CACHE_HOME="
    assert.equal("warning", checks.certificates.state)
  end)

  it("is about the backend that is asked for", function()
    local code, out = guest.shell("$K doctor --backend sev-snp --json", qemu)
    assert.equal(1, code)
    local document = json.decode(out)
    assert.same({ false, json.null }, { document.ok, document.backend })
    code, out = guest.shell("$K doctor --backend tcg --json", qemu)
    assert.equal(0, code)
    assert.equal("tcg", json.decode(out).backend)
    assert.equal(64, (guest.shell("$K doctor --backend xen 2>/dev/null", qemu)))
  end)

  it("fails if the job that is to prove it does not run", function()
    local code, out = guest.shell("$K doctor --backend tcg --probe --json", qemu)
    assert.equal(1, code)
    local document = json.decode(out)
    local probe = document.checks[#document.checks]
    assert.same({ "probe", "missing", true }, { probe.name, probe.state, probe.required })
    assert.matches("tcg: no job runs: ", probe.found, 1, true)
  end)

  it("names a place for private directories that cannot be used", function()
    local place = standin.folder .. "/open"
    assert(os.execute(("mkdir -m 700 '%s' && mkdir -m 755 '%s/kavach'"):format(place, place)))
    local checks, code = examine(("XDG_RUNTIME_DIR='%s'"):format(place))
    assert.equal(1, code)
    assert.equal("missing", checks.private.state)
    assert.matches(place .. "/kavach' is not a folder of this user's alone", checks.private.found,
      1, true)
    assert.matches("XDG_RUNTIME_DIR", checks.private.advice, 1, true)
  end)

  it("says the kernel's release where there is no manifest", function()
    local path = standin.folder .. "/bzImage"
    local file = assert(io.open(path, "wb"))
    -- kernel_version, at 0x20E, is the offset less 0x200 of the text
    file:write(("\0"):rep(0x202), "HdrS", ("\0"):rep(8), ("<I2"):pack(0x100), ("\0"):rep(0xf0),
      "6.1.0-test (somebody) #1\0")
    file:close()
    assert.matches("Linux 6.1.0-test, ", examine("KAVACH_KERNEL=" .. path).kernel.found, 1, true)
  end)

  it("has help, and takes no words", function()
    local code, out = program.run("doctor", "--help")
    assert.equal(0, code)
    assert.matches("Exit codes:", out, 1, true)
    assert.equal(64, (program.run("doctor", "x")))
  end)
end)

describe("kavach.doctor()", function()
  local machine = backend.machine
  after_each(function() backend.machine = machine end)

  -- The check of KVM, on a machine where that works but for what is given.
  local function kvm(but)
    backend.machine = {
      cpu_has_virt = function() return true end, open_kvm = function() return true end,
      run_probe = function()
        return { exit_code = 0, timed_out = false, stdout = "", stderr = "" }
      end,
    }
    for key, value in pairs(but) do backend.machine[key] = value end
    for _, check in ipairs(kavach.doctor().checks) do
      if check.name == "kvm" then return check end
    end
  end

  it("says that a device that opens proves nothing, where guests would crawl", function()
    local check = kvm { cpu_has_virt = function() return false end }
    assert.equal("missing", check.state)
    assert.matches("neither svm nor vmx", check.found, 1, true)
    assert.matches("/dev/kvm opens all the same", check.found, 1, true)
    assert.matches("nested virtualisation", check.advice, 1, true)
  end)

  it("advises what fits the reason why KVM does not work", function()
    local check = kvm { open_kvm = function() return false, "/dev/kvm: Permission denied" end }
    assert.matches("adduser", check.command, 1, true)
    check = kvm { open_kvm = function() return false, "/dev/kvm: No such file or directory" end }
    assert.matches("modprobe", check.command, 1, true)
    check = kvm { run_probe = function()
      return { exit_code = -1, timed_out = true, stdout = "", stderr = "" }
    end }
    assert.matches("did not finish within 1000 ms", check.found, 1, true)
    assert.matches("crawl", check.advice, 1, true)
  end)
end)

describe("kavach doctor --probe #vm", function()
  setup(guest.setup)
  teardown(guest.teardown)

  it("runs a job", function()
    local argv = { guest.kavach, "doctor", "--backend", "tcg", "--probe", "--json" }
    local r = assert(kavach.process.exec(argv, { env = guest.environment(), timeout_ms = 120000 }))
    assert.same({ 0, "" }, { r.exit_code, r.stderr })
    local document = json.decode(r.stdout)
    local probe = document.checks[#document.checks]
    assert.same({ "probe", "ok" }, { probe.name, probe.state })
    assert.matches("^tcg: a job ran: boot %d+ ms", probe.found)
    guest.assert_nothing_left()
  end)
end)
