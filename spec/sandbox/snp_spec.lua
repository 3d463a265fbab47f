local backend = require "kavach.sandbox.backend"
local config = require "kavach.sandbox.config"
local fit = require "kavach.sandbox.guest_policy_fit"
local host = require "support.host"
local lib = require "kavach.snp"
local ovmf = require "kavach.sandbox.ovmf"
local qemu = require "kavach.sandbox.qemu"
local snp = require "kavach.sandbox.snp"
local snp_status = require "kavach.sandbox.snp_status"

-- A status as the firmware writes it: ABI 1.55, ready, 3 guests.
local function status(changes)
  local s = { major = 1, minor = 55, state = 1, rmp = 1, build = 29, flags = 0, guests = 3 }
  for key, value in pairs(changes or {}) do s[key] = value end
  return string.pack("<BBBBI4I4I4I8I8", s.major, s.minor, s.state, s.rmp, s.build, s.flags,
    s.guests, 0x73, 0x73)
end

-- A host that can launch SNP guests, but for what the test says.
local function host_machine(but)
  local m = {
    cpu_sev = function() return { snp = true, sev = true, guests = 509, sev_from = 100 } end,
    kvm_snp = function() return "Y" end,
    open_kvm = function() return true end,
    run_sev_probe = function()
      return { exit_code = 0, timed_out = false, stdout = lib.hex(status()) .. "\n", stderr = "" }
    end,
    smt = function() return true end,
    find_qemu = function() return { path = "/q" } end,
    dialect = function() return "upstream" end,
    check_ovmf = function() return true end,
  }
  for key, value in pairs(but or {}) do m[key] = value end
  return m
end

local function probe(result)
  return function()
    return { exit_code = result.code or 1, timed_out = result.late or false,
      stdout = (result.says or "") .. "\n", stderr = "" }
  end
end

local function machine(but)
  return {
    cpu_has_virt = function() return true end,
    open_kvm = function() return true end,
    run_probe = function()
      return { exit_code = 0, timed_out = false, stdout = "", stderr = "" }
    end,
    cpu_sev = function() return { snp = true } end,
    snp = host_machine(but),
  }
end

-- What is missing, and a word of what to do about it.
local MISSING <const> = {
  { "the processor has no SEV-SNP", "EPYC 7003",
    { cpu_sev = function() return { snp = false } end } },
  { "parameters/sev_snp is N", "Linux 6.11", { kvm_snp = function() return "N" end } },
  { "sev_snp: No such file", "sev_snp=1",
    { kvm_snp = function() return nil, "/sys/…/sev_snp: No such file" end } },
  { "/dev/kvm: Permission denied", "let this user open it",
    { open_kvm = function() return false, "/dev/kvm: Permission denied" end } },
  { "/dev/sev: No such file", "modprobe ccp",
    { run_sev_probe = probe { says = "/dev/sev: No such file" } } },
  { "/dev/sev: Permission denied", "let this user open it",
    { run_sev_probe = probe { says = "/dev/sev: Permission denied" } } },
  { "did not answer within 1000 ms", "/dev/sev", { run_sev_probe = probe { late = true } } },
  { "does not tell its SNP status", "/dev/sev", { run_sev_probe = probe { code = 0 } } },
  { "not set up for SNP", "ABI 1.55",
    { run_sev_probe = probe { code = 0, says = lib.hex(status { state = 0 }) } } },
  { "no qemu-system-x86_64", "",
    { find_qemu = function() return nil, "no qemu-system-x86_64" end } },
  { "QEMU 7.2 has no SEV-SNP guests", "install QEMU 9.1",
    { dialect = function() return nil, "QEMU 7.2 has no SEV-SNP guests" end } },
  { "OVMF: nothing", "ovmf-amdsev", { check_ovmf = function() return nil, "OVMF: nothing" end } },
}

describe("The backend sev-snp", function()
  it("is what auto takes where all that it needs is there", function()
    for _, wanted in ipairs { "auto", "sev-snp" } do
      local choice = assert(backend.choose(wanted, nil, machine(), {}))
      assert.equal("sev-snp", choice.name)
      assert.equal("upstream", choice.snp.dialect)
      assert.equal("/q", choice.snp.qemu.path)
    end
    assert.equal("sev-snp", backend.choose("auto", "required", machine(), {}).name)
  end)

  it("that is missing anything is an error that names it, and what to do", function()
    for _, case in ipairs(MISSING) do
      for _, ask in ipairs { { "sev-snp" }, { "auto", "required" } } do
        local choice, why = backend.choose(ask[1], ask[2], machine(case[3]), {})
        assert.is_nil(choice)
        assert.equal("backend_unavailable", why.kind)
        assert.matches("sev-snp", why.message, 1, true)
        assert.matches(case[1], why.message, 1, true)
        assert.matches(case[2], why.message, 1, true)
      end
    end
  end)

  it("is passed over by auto then, with the reason", function()
    for _, case in ipairs(MISSING) do
      local choice = assert(backend.choose("auto", nil, machine(case[3]), {}))
      assert.equal("kvm", choice.name)
      assert.equal("sev-snp", choice.passed_over[1].backend)
      assert.matches(case[1], choice.passed_over[1].reason, 1, true)
    end
  end)

  it("names all that is missing, not only the first", function()
    local all = {}
    for _, case in ipairs(MISSING) do
      for name, what in pairs(case[3]) do all[name] = what end
    end
    all.run_sev_probe = probe { says = "/dev/sev: No such file" }
    local _, why = backend.choose("sev-snp", nil, machine(all), {})
    for _, text in ipairs { "processor", "sev_snp", "/dev/sev", "qemu-system-x86_64", "OVMF" } do
      assert.matches(text, why.message, 1, true)
    end
  end)

  it("is not looked into by auto on a processor without it", function()
    local m = machine { find_qemu = function() error "looked" end }
    m.cpu_sev = function() return { snp = false } end
    assert.equal("kvm", backend.choose("auto", nil, m, {}).name)
  end)

  it("believes its user about the dialect, and does not ask QEMU then", function()
    local m = machine { dialect = function() error "asked" end }
    -- Its default guest policy is one that no firmware takes.
    local choice, why = backend.choose("sev-snp", nil, m, { dialect = "seed" })
    assert.is_nil(choice)
    assert.matches("0x20300", why.message, 1, true)
    assert.matches("ask for ABI 3.0; this firmware is 1.55", why.message, 1, true)
    choice = assert(backend.choose("sev-snp", nil, m, { dialect = "seed", guest_policy = 0x30000 }))
    assert.equal("seed", choice.snp.dialect)
  end)

  it("is an error where the firmware refuses the guest policy", function()
    local _, why = backend.choose("sev-snp", nil, machine(), { guest_policy = 0x20000 })
    assert.matches("refuses the guest policy 0x20000: smt_allowed (bit 16) is false, but SMT is on",
      why.message, 1, true)
  end)
end)

describe("A firmware", function()
  local function platform(changes)
    local p = { api_major = 1, api_minor = 55, smt = false, rapl_disabled = false,
      ciphertext_hiding = false }
    for key, value in pairs(changes or {}) do p[key] = value end
    return p
  end

  it("takes a policy that asks for no more than it has", function()
    for _, bits in ipairs { 0x20000, 0x30000, 0x20137, 0x200ff, 0xb0000, 0x120000 } do
      assert.same({}, fit(bits, platform()))
    end
    assert.same({}, fit(0x1820000, platform { rapl_disabled = true, ciphertext_hiding = true }))
  end)

  it("refuses a newer ABI, by the major number first", function()
    for _, bits in ipairs { 0x20300, 0x20138, 0x201ff } do
      local refusals = fit(bits, platform())
      assert.equal(1, #refusals)
      assert.matches("this firmware is 1.55", refusals[1], 1, true)
    end
  end)

  it("refuses what the host is not, bit by bit", function()
    local refusals = fit(0x1820300, platform { smt = true })
    assert.equal(4, #refusals)
    local named = { "min_abi_major", "smt_allowed", "rapl_disabled", "ciphertext_hiding" }
    for i, word in ipairs(named) do
      assert.matches(word, refusals[i], 1, true)
    end
  end)

  it("is not said to refuse what is not known of it", function()
    assert.same({}, fit(0x1820000, { api_major = 1, api_minor = 55 }))
  end)

  it("tells its status in 32 bytes", function()
    local s = assert(snp_status.parse(status { flags = 0x58, guests = 7 }))
    assert.same({ 1, 55, 29, true, true, 7, true, true, 0x73 }, {
      s.api_major, s.api_minor, s.build, s.initialised, s.rmp, s.guests, s.rapl_disabled,
      s.ciphertext_hiding, s.reported_tcb,
    })
    s = assert(snp_status.parse(status { state = 0, rmp = 0xfe, flags = 0x7 }))
    assert.same({ false, false, false, false },
      { s.initialised, s.rmp, s.rapl_disabled, s.ciphertext_hiding })
    assert.is_nil(snp_status.parse(status() .. "\0"))
    assert.is_nil(snp_status.parse "")
  end)
end)

describe("A QEMU's dialect", function()
  local HEAD <const> = "List of user creatable objects:\n  authz-list\n"

  it("is that of the objects that it has", function()
    local upstream = HEAD .. "  memory-backend-memfd\n  sev-guest\n  sev-snp-guest\n"
    assert.equal("upstream", qemu.dialect_of(upstream))
    assert.equal("seed", qemu.dialect_of(upstream .. "  memory-backend-memfd-private\n"))
    assert.is_nil(qemu.dialect_of(HEAD .. "  memory-backend-memfd\n  sev-guest\n"))
    assert.is_nil(qemu.dialect_of(HEAD .. "  memory-backend-memfd-private\n"))
    assert.is_nil(qemu.dialect_of "sev-snp-guest-x\nmemory-backend-memfd")
  end)
end)

describe("QEMU, pinned", function()
  local folder, remove, path
  setup(function()
    folder, remove = host.folder()
    path = host.write(folder .. "/qemu", "#!/bin/sh\necho hello from \"$1\"\n")
    assert(os.execute("chmod +x " .. path))
  end)
  teardown(function() remove() end)

  it("is the one with the digest that is asked for", function()
    local digest = lib.hex(lib.digest("sha256", host.slurp(path)))
    local found = assert(qemu.find { qemu_path = path, qemu_sha256 = digest:upper() })
    assert.equal("hello from x\n", qemu.ask(found, "x"))
  end)

  it("is unavailable with another, and both are named", function()
    local other = ("ab"):rep(32)
    local found, why = qemu.find { qemu_path = path, qemu_sha256 = other }
    assert.is_nil(found)
    assert.equal("backend_unavailable", why.kind)
    assert.matches(other, why.message, 1, true)
    assert.matches(lib.hex(lib.digest("sha256", host.slurp(path))), why.message, 1, true)
    assert.matches(path, why.message, 1, true)
  end)

  it("is run as it was when it was found", function()
    local found = assert(qemu.find { qemu_path = path })
    os.rename(path, path .. ".old")
    host.write(path, "#!/bin/sh\necho another\n")
    os.execute("chmod +x " .. path)
    assert.equal("hello from x\n", qemu.ask(found, "x"))
    os.rename(path .. ".old", path)
  end)
end)

describe("The firmware of SNP guests", function()
  local firmware = require "support.firmware"
  local folder, remove
  setup(function() folder, remove = host.folder() end)
  teardown(function() remove() end)

  it("is fit if it has room for the kernel's hashes", function()
    assert.is_nil(ovmf.unfit(firmware.image()))
    assert.is_true(ovmf.check(host.write(folder .. "/fit", firmware.image())))
  end)

  it("is not fit if it is a plain OVMF, which has no such area", function()
    local sections = firmware.sections()
    table.remove(sections, 5)
    for _, image in ipairs { firmware.image { hashes = { 0, 0 } },
      firmware.image { sections = sections }, firmware.image { hashes = false } } do
      assert.matches("plain OVMF, and an AmdSev build is needed", ovmf.unfit(image), 1, true)
    end
  end)

  it("is not fit, and says why, if it is anything else", function()
    for name, case in pairs {
      plain = { ("\0"):rep(4096), "no SEV metadata" },
      empty = { "", "the file is empty" },
      huge = { ("\0"):rep(16 * 1024 * 1024 + 1), "larger than" },
    } do
      local ok, why = ovmf.check(host.write(folder .. "/" .. name, case[1]))
      assert.is_nil(ok)
      assert.matches(case[2], why, 1, true)
    end
    local ok, why = ovmf.check(folder .. "/none")
    assert.is_nil(ok)
    assert.matches("No such file", why)
  end)
end)

describe("The options of SNP guests", function()
  local function refused(options)
    local checked, why = config.check(options)
    assert.is_nil(checked)
    assert.equal("invalid_argument", why.kind)
    return why.message
  end

  local ONLY <const> = {
    dialect = "seed", guest_policy = 0x30000, firmware = "/f", cpu_model = "EPYC-v4",
    host_data = ("x"):rep(32), author_key_enabled = false, vcek_disabled = true,
  }

  it("are refused by name with another backend", function()
    for name, value in pairs(ONLY) do
      for _, other in ipairs { "tcg", "kvm" } do
        local message = refused { backend = other, [name] = value }
        assert.matches(name, message, 1, true)
        assert.matches(other, message, 1, true)
      end
    end
  end)

  it("are refused with auto, too, where that is another", function()
    local box, why = require("kavach.sandbox").launch { dialect = "upstream" }
    if box then box:destroy() end
    assert.matches("dialect is for sev-snp guests", tostring(why), 1, true)
  end)

  it("take a guest policy in each of its forms", function()
    local guest_policy = require "kavach.guest_policy"
    for _, given in ipairs { 0x30137, guest_policy.from_bits(0x30137),
      { smt_allowed = true, min_abi_major = 1, min_abi_minor = 55 } } do
      assert.equal(0x30137, config.check({ guest_policy = given }).guest_policy)
    end
    for message, given in pairs {
      ["bit 17"] = 0, ["reserved bits are set"] = 0x20000 | 1 << 40,
      ["did you mean 'smt_allowed'"] = { smt_alowed = true }, ["a guest policy"] = "smt",
    } do
      assert.matches(message, refused { guest_policy = given }, 1, true)
    end
  end)

  it("take bytes as they are, in hex, or in base64", function()
    local bytes = ("\1\2"):rep(16)
    for _, given in ipairs { bytes, lib.hex(bytes), lib.base64(bytes) } do
      assert.equal(bytes, config.check({ host_data = given }).host_data)
    end
    assert.matches("host_data must be 32 bytes", refused { host_data = "00" }, 1, true)
  end)

  it("need the ID block and what signs it together, for this guest policy", function()
    local auth = ("\0"):rep(4096)
    local function block(policy) return ("\0"):rep(0x58) .. string.pack("<I8", policy) end
    assert.matches("id_block", refused { id_block = block(0x30000) }, 1, true)
    assert.matches("id_auth", refused { id_auth = auth }, 1, true)
    assert.matches("needs id_auth", refused { author_key_enabled = true }, 1, true)
    assert.is_table(config.check { id_block = block(0x30000), id_auth = auth })
    assert.matches("for the guest policy 0x20000, and the launch has 0x30000",
      refused { id_block = block(0x20000), id_auth = auth }, 1, true)
    assert.is_table(config.check { id_block = block(0x20000), id_auth = auth,
      guest_policy = 0x20000 })
  end)

  it("refuse a digest that is none, and a model with properties", function()
    assert.matches("qemu_sha256", refused { qemu_sha256 = "00" }, 1, true)
    assert.matches("cpu_model", refused { cpu_model = "EPYC,+vmx" }, 1, true)
  end)
end)

describe("A launch with SNP", function()
  it("has the guest policy of its dialect", function()
    assert.equal(0x30000, snp.policy({}, "upstream"))
    assert.equal(0x20300, snp.policy({}, "seed"))
    assert.equal(0x30137, snp.policy({ guest_policy = 0x30137 }, "seed"))
  end)

  it("has a kernel that QEMU can measure", function()
    local image = require "kavach.sandbox.image"
    assert.matches("/bzImage$", image.find({}, "sev-snp").kernel)
    assert.matches("/vmlinux$", image.find({}, "tcg").kernel)
    local folder, remove = host.folder()
    local files = { kernel = host.write(folder .. "/k", "\x7fELF"), initrd = folder }
    local ok, why = image.check(files, "sev-snp")
    remove()
    assert.is_nil(ok)
    assert.matches("QEMU cannot measure: give its bzImage", why.message, 1, true)
  end)

  it("shows no folder of the host to its guest unless that is asked for", function()
    local options = { backend = "sev-snp", mounts = { { source = "/tmp", target = "/m" } } }
    local argv, why = require("kavach.sandbox").dry_run(options)
    assert.is_nil(argv)
    assert.matches("mounts", why.message, 1, true)
    assert.matches("allow_unmeasured", why.message, 1, true)
  end)
end)
