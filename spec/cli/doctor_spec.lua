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
    for _, name in ipairs { "qemu", "guest", "pair", "tcg", "private" } do
      assert.is_true(checks[name].ok, name)
    end
    assert.matches(qemu .. ", version 7.2.22", checks.qemu.found, 1, true)
    assert.matches(standin.kernel, checks.guest.found, 1, true)
    assert.matches(guest.runtime .. "/kavach, %d+ MiB free", checks.private.found)
    assert.is_false(checks["sev-snp"].ok)
    assert.is_string(checks["sev-snp"].advice)
    assert.same({}, guest.directories())
  end)

  it("prints a line for each, with advice under what does not work", function()
    local code, out = guest.shell("$K doctor", qemu)
    assert.equal(0, code)
    assert.matches("ok     qemu     " .. qemu, out, 1, true)
    assert.matches("\nno     sev%-snp  [^\n]+\n +%-> [^\n]+\n", out)
    assert.matches("\nSandboxes run here, with the backend %l+%.\n$", out)
    code, out = guest.shell("KAVACH_QEMU=/no/qemu $K doctor", qemu)
    assert.equal(1, code)
    assert.matches("^WRONG  qemu ", out)
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
      assert.is_false(checks.qemu.ok)
      assert.matches(message, checks.qemu.found, 1, true)
      assert.matches("apt install", checks.qemu.advice, 1, true)
      assert.is_false(checks.tcg.ok)
    end
  end)

  it("has QEMU's own words when that refuses the machine", function()
    local checks, code = examine("", standin.shell [[
      [ "$1" = --version ] && { echo "QEMU emulator version 9.0"; exit; }
      echo "qemu: unsupported machine type" >&2
      exit 1]])
    assert.equal(1, code)
    assert.is_true(checks.qemu.ok)
    assert.matches("unsupported machine type", checks.tcg.found, 1, true)
    assert.is_true(checks.tcg.required)
  end)

  it("says how to get a guest that is missing", function()
    local checks, code = examine "KAVACH_KERNEL=/no/kernel"
    assert.equal(1, code)
    assert.matches("/no/kernel: No such file", checks.guest.found, 1, true)
    assert.matches("cmake --build", checks.guest.advice, 1, true)
  end)

  it("warns of a kernel and a QEMU that do not go together", function()
    local folder = standin.folder .. "/guest"
    assert(os.execute(("mkdir '%s' && cp '%s' '%s/bzImage'"):format(folder, standin.kernel,
      folder)))
    local file = assert(io.open(folder .. "/manifest.json", "w"))
    file:write '{"kernel_release": "6.12.9-cloud", "bzimage_sha256": "5ea1"}'
    file:close()
    local checks, code = examine(("KAVACH_KERNEL='%s/bzImage'"):format(folder))
    assert.equal(0, code)
    assert.matches("Linux 6.12.9-cloud", checks.guest.found, 1, true)
    assert.matches("sha256 5ea1", checks.guest.found, 1, true)
    assert.is_false(checks.pair.ok)
    assert.matches("QEMU 7.2.22 with Linux 6.12.9-cloud", checks.pair.found, 1, true)
    assert.is_string(checks.pair.advice)
  end)

  it("names a place for private directories that cannot be used", function()
    local place = standin.folder .. "/open"
    assert(os.execute(("mkdir -m 700 '%s' && mkdir -m 755 '%s/kavach'"):format(place, place)))
    local checks, code = examine(("XDG_RUNTIME_DIR='%s'"):format(place))
    assert.equal(1, code)
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
    assert.matches("Linux 6.1.0-test, ", examine("KAVACH_KERNEL=" .. path).guest.found, 1, true)
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
    assert.is_false(check.ok)
    assert.matches("neither svm nor vmx", check.found, 1, true)
    assert.matches("/dev/kvm opens all the same", check.found, 1, true)
    assert.matches("nested virtualisation", check.advice, 1, true)
  end)

  it("advises what fits the reason why KVM does not work", function()
    local check = kvm { open_kvm = function() return false, "/dev/kvm: Permission denied" end }
    assert.matches("group kvm", check.advice, 1, true)
    check = kvm { open_kvm = function() return false, "/dev/kvm: No such file or directory" end }
    assert.matches("modprobe", check.advice, 1, true)
    check = kvm { run_probe = function()
      return { exit_code = -1, timed_out = true, stdout = "", stderr = "" }
    end }
    assert.matches("did not finish within 1000 ms", check.found, 1, true)
    assert.matches("crawl", check.advice, 1, true)
  end)
end)
