local evidence_of = require "kavach.attest.evidence"
local firmware = require "support.firmware"
local host = require "support.host"
local json = require "kavach.json"
local kavach = require "kavach"
local lfs = require "lfs"
local platforms = require "support.platforms"
local program = require "support.program"
local snp = require "kavach.snp"
local trust = require "kavach.attest.trust"

describe("kavach emulator", function()
  local folder, remove, dir

  setup(function()
    folder, remove = host.folder()
    dir = folder .. "/turin"
    local code, out, errors = program.run("emulator", "init", dir, "--product", "turin",
      "--chip-id=0102030405060708", "--tcb", "fmc=1,bl=2,tee=3,snp=4,ucode=5", "--csp-id", "CN=me",
      "--not-before", tostring(platforms.BEGINNING), "--json")
    assert.same({ 0, "" }, { code, errors })
    assert.same({ version = 1, dir = dir, product = "Turin", simulated = true, csp_id = "CN=me",
      tcb = { fmc = 1, boot_loader = 2, tee = 3, snp = 4, microcode = 5 },
      chip_id = "0102030405060708" .. ("00"):rep(56) }, json.decode(out))
  end)
  teardown(function() remove() end)

  local NONCE <const> = ("5a"):rep(64)

  local function report(...)
    local code, out, errors = program.run("emulator", "report", dir, "--report-data", NONCE, ...)
    assert.same({ 0, "" }, { code, errors })
    local evidence = assert(evidence_of.parse(out))
    return evidence, assert(snp.report_parse(evidence.report))
  end

  local function genuine(evidence, crl)
    local t = assert(trust.new { emulator = kavach.attest.emulator(dir), crls = { crl } })
    return t.verifier:verify { report = evidence.report, certificates = evidence.certificates,
      now = platforms.NOW }.genuine
  end

  it("init makes keys that are their owner's alone", function()
    assert.equal("rwx------", lfs.attributes(dir, "permissions"))
    for _, name in ipairs { "ark.key", "ask.key", "asvk.key", "vcek.key", "vlek.key" } do
      assert.equal("rw-------", lfs.attributes(dir .. "/" .. name, "permissions"))
    end
  end)

  it("init does not write over anything", function()
    local before = host.slurp(dir .. "/ark.key")
    local code, out, errors = program.run("emulator", "init", dir)
    assert.same({ 1, "" }, { code, out })
    assert.matches("^kavach: emulator: .*/turin has an emulator already: .* new or empty\n", errors)
    assert.equal(before, host.slurp(dir .. "/ark.key"))
  end)

  it("report prints genuine evidence, signed by either key, in each version", function()
    for version = 2, 5 do
      for _, key in ipairs { "vcek", "vlek" } do
        local evidence, fields = report("--version=" .. version, "--key", key)
        assert.is_true(genuine(evidence))
        assert.same({ version, ("\x5a"):rep(64) }, { fields.version, fields.report_data })
      end
    end
  end)

  it("report takes fields, and 64-bit masks whole", function()
    local _, fields = report("--measurement", ("11"):rep(48), "--host-data", ("22"):rep(32),
      "--policy=0xb0000", "--guest-svn", "3", "--vmpl=1", "--platform-info", "0x8000000000000001",
      "--field", "current_mit_vector=0xffffffffffffffff", "--field=report_id=" .. ("33"):rep(32),
      "--id-key-digest=" .. ("44"):rep(48), "--author-key-digest=" .. ("55"):rep(48),
      "--family-id=" .. ("66"):rep(16), "--image-id=" .. ("77"):rep(16))
    for name, value in pairs {
      measurement = ("\x11"):rep(48), host_data = ("\x22"):rep(32), policy = 0xb0000,
      guest_svn = 3, vmpl = 1, platform_info = math.mininteger | 1, current_mit_vector = -1,
      report_id = ("\x33"):rep(32), id_key_digest = ("\x44"):rep(48), key_info = 1,
      author_key_digest = ("\x55"):rep(48), family_id = ("\x66"):rep(16),
      image_id = ("\x77"):rep(16),
    } do
      assert.equal(value, fields[name], name)
    end
  end)

  it("report measures the launch that is described", function()
    local fw = host.write(folder .. "/fw", firmware.image())
    local kernel = host.write(folder .. "/kernel", "a kernel")
    local launch = { "--ovmf", fw, "--kernel", kernel, "--append", "quiet", "--vcpus", "2",
      "--vcpu-type", "EPYC-v4" }
    local _, digest = program.run("measure", table.unpack(launch))
    local evidence, fields = report(table.unpack(launch))
    assert.equal(digest, snp.hex(fields.measurement) .. "\n")
    assert.is_true(genuine(evidence))
  end)

  it("report gets another key for another TCB", function()
    local evidence, fields = report("--tcb", "0x0900000004030201")
    assert.equal(0x0900000004030201, fields.reported_tcb)
    assert.is_true(genuine(evidence))
  end)

  it("certs tells what there is", function()
    local code, out = program.run("emulator", "certs", dir)
    assert.equal(0, code)
    for _, line in ipairs { "ark +ARK%-Turin +by ARK%-Turin ", "ask +SEV%-Turin +by ARK%-Turin ",
      "asvk +SEV%-VLEK%-Turin +by ARK%-Turin ", "vcek +SEV%-VCEK +by SEV%-Turin ",
      "vlek +SEV%-VLEK +by SEV%-VLEK%-Turin " } do
      assert.matches(line .. " *2025%-06%-15T%S+ to 20%d%d%-%S+Z  sha256 %x+ %(simulated%)\n", out)
    end
    code, out = program.run("emulator", "certs", dir, "--json")
    local document = json.decode(out)
    assert.same({ 0, 1, true, "Turin", 5 }, { code, document.version, document.simulated,
      document.product, #document.certificates })
    code, out = program.run("emulator", "certs", dir, "--pem")
    assert.equal(0, code)
    local all = require "kavach.attest.pem".decode(out)
    for i, role in ipairs { "ark", "ask", "asvk", "vcek", "vlek" } do
      assert.equal(role, all[i].role)
    end
  end)

  it("crl prints a revocation list", function()
    local evidence = report()
    for _, case in ipairs { { true }, { false, "--revoke=ask", "--revoke", "asvk", "--number=2" },
      { false, "--next-update=" .. platforms.NOW - 1 } } do
      local code, out = program.run("emulator", "crl", dir, table.unpack(case, 2))
      assert.equal(0, code)
      assert.matches("^%-%-%-%-%-BEGIN X509 CRL", out)
      assert.equal(case[1], genuine(evidence, out))
    end
    local code, out = program.run("emulator", "crl", dir, "--json", "--this-update=1750000001")
    local document = json.decode(out)
    assert.same({ 0, 1, true, "2025-06-15T15:06:41Z", "2025-08-04T15:06:41Z" }, { code,
      document.version, document.simulated, document.this_update, document.next_update })
  end)

  it("names the option that is wrong, and exits with 64", function()
    local function usage(pattern, ...)
      local code, out, errors = program.run("emulator", ...)
      assert.same({ 64, "" }, { code, out }, errors)
      assert.matches("^kavach: emulator: ", errors)
      assert.matches(pattern, errors)
    end
    local none = folder .. "/none"
    local function init(pattern, ...)
      usage(pattern, "init", none, ...)
      assert.is_nil(lfs.attributes(none))
    end
    usage("'action'", "destroy", none)
    usage("dir", "init")
    init("'%-%-product' must be one of", "--product=rome")
    init("option '%-%-chip%-id': 64 bytes on Milan, not 1", "--chip-id=ab")
    init("option '%-%-chip%-id': 8 bytes on Turin", "--product=turin", "--chip-id=ab")
    init("option '%-%-chip%-id': all zero", "--chip-id=" .. ("0"):rep(128))
    init("option '%-%-chip%-id': ", "--chip-id=xy")
    init("option '%-%-tcb': a TCB of Milan has no 'fmc'", "--tcb=fmc=1")
    init("option '%-%-not%-before': '%-1' is not a time", "--not-before=-1")
    init("option '%-%-not%-before': '253402300800'", "--not-before=253402300800")
    init("option '%-%-csp%-id': 1 to 127", "--csp-id=" .. ("x"):rep(128))
    init("option '%-%-report%-data' is not for init", "--report-data", NONCE)
    init("option '%-%-ovmf' is not for init", "--ovmf=x")
    init("option '%-%-pem' is not for init", "--pem")
    usage("option '%-%-product' is not for certs", "certs", dir, "--product=milan")
    usage("option '%-%-revoke' is not for report", "report", dir, "--revoke=ask")
    usage("report needs %-%-report%-data", "report", dir)
    usage("option '%-%-report%-data': 64 bytes in hex are 128 digits, not 2", "report", dir,
      "--report-data=ab")
    local function bad(pattern, ...) usage(pattern, "report", dir, "--report-data", NONCE, ...) end
    bad("option '%-%-version': '6' is not a whole number from 2 to 5", "--version=6")
    bad("option '%-%-vmpl': 4294967296 does not fit in 32 bits", "--vmpl=4294967296")
    bad("option '%-%-policy': 'x' is not a whole number", "--policy=x")
    bad("option '%-%-policy': '0x1ffffffffffffffff'", "--policy=0x1ffffffffffffffff")
    bad("option '%-%-measurement': 48 bytes in hex", "--measurement=ab")
    bad("option '%-%-field': 'x' is not NAME=VALUE", "--field=x")
    bad("'hostdata' %(did you mean 'host_data'%?%)", "--field=hostdata=1")
    bad("option '%-%-field': 'host_data' is there twice", "--host-data=" .. ("0"):rep(64),
      "--field=host_data=" .. ("0"):rep(64))
    bad("option '%-%-field': cpuid_step: 256 does not fit in 8 bits", "--field=cpuid_step=256")
    bad("option '%-%-field': current_mit_vector: only reports from version 5", "--version=3",
      "--field=current_mit_vector=1")
    bad("option '%-%-tcb': 'fmc' is missing", "--tcb=bl=1,tee=1,snp=1,ucode=1")
    bad("'%-%-key' must be one of", "--key=ark")
    bad("%-%-measurement and %-%-%S+ do not go together", "--measurement=" .. ("0"):rep(96),
      "--ovmf=x")
    bad("%-%-ovmf is required", "--vcpus=1")
    bad("%-%-vcpus is required in mode snp", "--ovmf=x", "--vcpu-type=EPYC")
    bad("mode seves gives no launch digest", "--ovmf=x", "--mode=seves", "--vcpus=1",
      "--vcpu-type=EPYC")
    bad("unknown option '%-%-mesurement' %(did you mean '%-%-measurement'%?%)", "--mesurement=1")
    usage("would end before it begins", "crl", dir, "--next-update=1")
    usage("'%-%-revoke' must be one of", "crl", dir, "--revoke=vcek")
    usage("option '%-%-number': at least 0", "crl", dir, "--number=-1")
  end)

  it("names the file that is wrong, and exits with 1", function()
    local code, out, errors = program.run("emulator", "certs", folder .. "/none")
    assert.same({ 1, "" }, { code, out })
    assert.matches("no platform emulator in .*/none: .*No such file", errors)
    code, out, errors = program.run("emulator", "report", dir, "--report-data", NONCE, "--ovmf",
      folder .. "/none", "--vcpus=1", "--vcpu-type=EPYC")
    assert.same({ 1, "" }, { code, out })
    assert.matches("/none: No such file", errors)
    code, out, errors = program.run("emulator", "init", host.write(folder .. "/file", "") .. "/x")
    assert.same({ 1, "" }, { code, out })
    assert.matches("/file", errors)
  end)

  it("explains itself", function()
    local code, out = program.run("emulator", "--help")
    assert.equal(0, code)
    for _, word in ipairs { "init +makes", "report +prints", "certs +prints", "crl +prints",
      "%-%-report%-data HEX", "%-%-ovmf FILE", "%-%-emulator DIR", "simulated", "Exit codes" } do
      assert.matches(word, out)
    end
    for line in out:gmatch "[^\n]+" do assert.is_true(utf8.len(line) <= 90, line) end
  end)
end)
