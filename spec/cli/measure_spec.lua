local firmware = require "support.firmware"
local host = require "support.host"
local json = require "kavach.json"
local kavach = require "kavach"
local program = require "support.program"
local snp = require "kavach.snp"

describe("kavach measure", function()
  local folder, remove, fw, want

  setup(function()
    folder, remove = host.folder()
    fw = host.write(folder .. "/fw", firmware.image())
    want = assert(kavach.measure { ovmf = fw, vcpus = 2, vcpu_type = "EPYC-v4" })
    local code, _, errors = program.shell(
      ("openssl ecparam -name secp384r1 -genkey -noout -out '%s/key.pem'"):format(folder))
    assert.equal(0, code, errors)
  end)
  teardown(function() remove() end)

  local CPUS <const> = { "--vcpus", "2", "--vcpu-type", "EPYC-v4" }

  local function run(words, ...)
    local all = table.move({ "measure", "--ovmf", fw }, 1, 3, 1, {})
    for _, list in ipairs { words, ... } do table.move(list, 1, #list, #all + 1, all) end
    return program.run(table.unpack(all))
  end

  it("prints the digest", function()
    local code, out, errors = run(CPUS)
    assert.same({ 0, want:hex() .. "\n", "" }, { code, out, errors })
    code, out = run({ "--output-format=base64" }, CPUS)
    assert.same({ 0, want:base64() .. "\n" }, { code, out })
  end)

  it("takes CPUs and features in each way that sev-snp-measure does", function()
    for _, words in ipairs { { "--vcpu-sig=0x800f12" }, { "--vcpu-sig", "8392466" },
      { "--vcpu-family", "23", "--vcpu-model", "1", "--vcpu-stepping", "2" },
      { "--vcpu-type=EPYC", "--vmm-type", "qemu", "--guest-features", "1", "--mode=snp" } } do
      local code, out = run({ "--vcpus=2" }, words)
      assert.same({ 0, want:hex() .. "\n" }, { code, out })
    end
    local start = select(2, run { "--mode", "snp:ovmf-hash", "--vcpus", "0" }):match "%x+"
    for _, option in ipairs { "--snp-ovmf-hash", "--ovmf-hash" } do
      assert.equal(want:hex() .. "\n", (select(2, run({ option, start }, CPUS))))
    end
    local features = assert(kavach.measure { ovmf = fw, vcpus = 2, vcpu_type = "EPYC",
      guest_features = math.mininteger | 0x21 })
    assert.equal(features:hex() .. "\n",
      (select(2, run({ "--guest-features=0x8000000000000021" }, CPUS))))
  end)

  it("prints one JSON document", function()
    local code, out = run({ "--json" }, CPUS)
    assert.equal(0, code)
    assert.same({ version = 1, digest = want:hex(), digest_base64 = want:base64(), mode = "snp",
      vcpus = 2, vcpu_sig = "0x800f12" }, json.decode(out))
    code, out = run({ "--json", "--idkey", folder .. "/key.pem" }, CPUS)
    local document = json.decode(out)
    assert.equal(0, code)
    assert.equal(want.digest, snp.unbase64(document.id_block):sub(1, 48))
    assert.equal(4096, #snp.unbase64(document.id_auth))
    assert.matches("^%x+$", document.id_key_digest)
    assert.is_nil(document.author_key_digest)
  end)

  it("tells the pages, and writes the CPUs' states", function()
    local words = ("'%s' measure --ovmf '%s' --vcpus 2 --vcpu-type EPYC-v4 --dump-vmsa -v")
      :format(program.kavach, fw)
    local here = require "lfs".currentdir()
    if program.kavach:sub(1, 1) ~= "/" then words = words:gsub("^'", "'" .. here .. "/") end
    local code, out, errors = program.shell(("cd '%s' && %s"):format(folder, words))
    assert.same({ 0, want:hex() .. "\n" }, { code, out })
    assert.matches("^NORMAL +0x0000ffffd000 %x+\n", errors)
    assert.matches("\nVMSA +0xfffffffff000 " .. want:hex() .. "\n$", errors)
    assert.equal(want.vmsa_bsp, host.slurp(folder .. "/vmsa0.bin"))
    assert.equal(want.vmsa_ap, host.slurp(folder .. "/vmsa1.bin"))
    assert.is_nil(host.slurp(folder .. "/vmsa2.bin"))
    code, out, errors = run { "--mode=sev", "--dump-vmsa" }
    assert.equal("", out)
    assert.equal(64, code)
    assert.matches("%-%-dump%-vmsa: no CPU is measured in mode sev", errors)
  end)

  it("makes ID blocks, for what it measures and for what is given", function()
    local key = { "--id-key", folder .. "/key.pem", "--authorkey=" .. folder .. "/key.pem" }
    local code, out = run(CPUS, key)
    assert.equal(0, code)
    assert.matches("^digest " .. want:hex() .. "\nid%-block [%w+/=]+\nid%-auth [%w+/=]+\n"
      .. "id%-key%-digest %x+\nauthor%-key%-digest %x+\n$", out)
    local block = out:match "id%-block (%S+)"
    for _, digest in ipairs { want:hex(), want:base64() } do
      code, out = program.run("measure", "--measurement", digest, table.unpack(key))
      assert.equal(0, code)
      assert.equal(block, out:match "id%-block (%S+)")
    end
    code, out = program.run("measure", "--measurement", want:hex(), "--idkey", folder .. "/key.pem",
      "--family-id", ("ab"):rep(16), "--guest-svn=3", "--policy=0x30001")
    assert.equal(0, code)
    assert.equal(want.digest .. ("\xab"):rep(16) .. ("\0"):rep(16)
      .. string.pack("<I4I4I8", 1, 3, 0x30001), snp.unbase64(out:match "id%-block (%S+)"))
  end)

  it("names the option that is wrong, and exits with 64", function()
    local function usage(pattern, words)
      local code, out, errors = run(words)
      assert.same({ 64, "" }, { code, out }, errors)
      assert.matches("^kavach: measure: ", errors)
      assert.matches(pattern, errors)
    end
    usage("'%-%-mode' must be one of", { "--mode", "tdx" })
    usage("%-%-vcpus is required in mode snp;", {})
    usage("QEMU's launch digest depends on the CPU: %-%-vcpu%-type, %-%-vcpu%-sig, or",
      { "--vcpus=1" })
    usage("option '%-%-vcpus': '%-1'", { "--vcpus", "-1" })
    usage("%-%-vcpu%-type must be .*did you mean 'EPYC%-Milan'", { "--vcpu-type", "EPYC-milan" })
    usage("%-%-vmm%-type must be QEMU, ec2 or gce", { "--vmm-type=xen" })
    usage("option '%-%-guest%-features': '0x1ffffffffffffffff'",
      { "--guest-features", "0x1ffffffffffffffff" })
    usage("option '%-%-vcpu%-sig': '4294967296'", { "--vcpu-sig=4294967296" })
    usage("%-%-snp%-ovmf%-hash must be 48 bytes", { "--snp-ovmf-hash=00", table.unpack(CPUS) })
    usage("%-%-initrd needs a kernel", { "--initrd=x", table.unpack(CPUS) })
    usage("%-%-append needs a kernel", { "--append=x", table.unpack(CPUS) })
    usage("%-%-svsm is required in mode snp:svsm", { "--mode=snp:svsm", table.unpack(CPUS) })
    usage("%-%-vars%-size is for mode snp:svsm", { "--vars-size=0", table.unpack(CPUS) })
    usage("%-%-guest%-svn needs %-%-idkey", { "--guest-svn=1", table.unpack(CPUS) })
    usage("ID block is for SNP guests", { "--mode=sev", "--idkey=x" })
    usage("%-%-policy: ", { "--policy=1", "--idkey=x", table.unpack(CPUS) })
    usage("%-%-ovmf is not used with %-%-measurement",
      { "--measurement=" .. ("0"):rep(96), "--idkey=x" })
    usage("unknown option '%-%-vcpu' %(did you mean '%-%-vcpus'%?%)", { "--vcpu=1" })
    usage("too many arguments", { "file" })
    local code, _, errors = program.run("measure", "--vcpus=1")
    assert.equal(64, code)
    assert.matches("%-%-ovmf is required", errors)
    code, _, errors = program.run("measure", "--measurement=" .. ("0"):rep(96))
    assert.equal(64, code)
    assert.matches("%-%-measurement needs %-%-idkey", errors)
    code, _, errors = program.run("measure", "--measurement=zz", "--idkey=x")
    assert.equal(64, code)
    assert.matches("%-%-measurement must be 48 bytes", errors)
  end)

  it("names the file that is wrong, and exits with 1", function()
    local function bad(pattern, words)
      local code, out, errors = run(words, CPUS)
      assert.same({ 1, "" }, { code, out }, errors)
      assert.matches(pattern, errors)
    end
    bad("/none: No such file", { "--kernel", folder .. "/none" })
    bad("/none: No such file", { "--idkey", folder .. "/none" })
    bad("/fw: no private key", { "--idkey", fw })
    local empty = host.write(folder .. "/empty", "")
    bad("/empty: the key file is empty", { "--idkey", empty })
    local code, _, errors = program.run("measure", "--mode=sev", "--ovmf", empty)
    assert.equal(1, code)
    assert.matches("^kavach: measure: .*/empty: the image is empty\n$", errors)
  end)
end)
