local json = require "kavach.json"
local lib = require "kavach.snp"
local program = require "support.program"

-- A host that lacks everything but what the words give it.
local function run(words, environment)
  return program.shell(("env -u KAVACH_QEMU -u KAVACH_OVMF %s %s run %s"):format(environment or "",
    program.kavach, words))
end

local function argv(words, environment)
  local exit, out, errors = run("--dry-run --json " .. words .. " true", environment)
  assert.equal("", errors)
  assert.equal(0, exit)
  local document = assert(json.decode(out))
  assert.equal(1, document.version)
  return document.argv
end

local function value(list, option)
  for i, word in ipairs(list) do
    if word == option then return list[i + 1] end
  end
end

describe("kavach run --backend sev-snp --dry-run", function()
  it("works where nothing of it can run: no QEMU, firmware or kernel", function()
    local list = argv("--backend sev-snp --kernel /nowhere/bzImage",
      "KAVACH_QEMU=/nowhere/qemu KAVACH_OVMF=/nowhere/OVMF.fd")
    assert.equal("/nowhere/qemu", list[1])
    assert.equal("/nowhere/OVMF.fd", value(list, "-bios"))
    assert.equal("/nowhere/bzImage", value(list, "-kernel"))
    assert.matches("^memory%-backend%-memfd,", value(list, "-object"))
  end)

  it("shows the vector of seed, and nothing else", function()
    local list = argv("--backend sev-snp --dialect seed --cpus 3 --memory 300 --kernel /k",
      "KAVACH_QEMU=/nowhere/qemu")
    assert.same({
      "/nowhere/qemu", "-enable-kvm", "-cpu", "EPYC-v4",
      "-machine", "q35,confidential-guest-support=sev0,memory-backend=ram1",
      "-object", "memory-backend-memfd-private,id=ram1,size=300M",
      "-object",
      ("sev-snp-guest,id=sev0,policy=0x20300,cbitpos=%d,reduced-phys-bits=1"):format(lib.CBIT_POS),
      "-smp", "3", "-m", "300M", "-nographic", "-no-reboot", "-kernel", "/k",
      "-virtfs", "local,path=task,mount_tag=task,security_model=none,readonly=on",
    }, list)
  end)

  it("has the guest policy in each way it can be said", function()
    for given, bits in pairs {
      ["0x30137"] = "0x30137", ["196608"] = "0x30000", hardened = "0x20300",
      ["smt_allowed,debug_allowed"] = "0xb0000", ["smt_allowed,abi=1.55"] = "0x30137",
    } do
      local list = argv("--backend sev-snp --guest-policy " .. given)
      assert.matches("policy=" .. bits .. ",", table.concat(list, " "), 1, true)
    end
  end)

  it("has what else is asked for", function()
    local list = argv(("--backend sev-snp --host-data %s --vcek-disabled --cpu-model EPYC-Milan "
      .. "--firmware /a,b.fd --qemu /nowhere/q"):format(("01"):rep(32)))
    local line = table.concat(list, " ")
    assert.matches("host-data=" .. lib.base64(("\1"):rep(32)), line, 1, true)
    assert.matches(",vcek-disabled=on", line, 1, true)
    assert.equal("EPYC-Milan", value(list, "-cpu"))
    assert.equal("/a,b.fd", value(list, "-bios"))
    assert.equal("/nowhere/q", list[1])
  end)
end)

describe("kavach run with SEV-SNP", function()
  it("fails closed, and names what the host lacks", function()
    if require("kavach.core").cpu_sev().snp then pending "this host may have it" end
    for _, words in ipairs { "--backend sev-snp true", "--confidential required true" } do
      local exit, out, errors = run(words)
      assert.equal(125, exit)
      assert.equal("", out)
      assert.matches("the processor has no SEV-SNP", errors, 1, true)
      assert.matches("/dev/sev", errors, 1, true)
    end
  end)

  it("refuses words that mean nothing", function()
    for words, said in pairs {
      ["--backend sev-snp --guest-policy 0x0 true"] = "bit 17",
      ["--backend sev-snp --guest-policy smt_alowed true"] = "did you mean 'smt_allowed'",
      ["--backend sev-snp --guest-policy ,, true"] = "expected a number",
      ["--backend sev-snp --guest-policy 1e9 true"] = "not a number",
      ["--backend sev-snp --host-data 00 true"] = "host_data must be 32 bytes",
      ["--backend tcg --guest-policy 0x30000 true"] = "guest_policy is for sev-snp guests",
      ["--backend tcg --confidential required true"] = "only sev-snp is confidential",
      ["--qemu-sha256 12 true"] = "qemu_sha256 must be 64 hex digits",
    } do
      local exit, _, errors = run(words)
      assert.equal(125, exit)
      assert.matches(said, errors, 1, true)
    end
  end)

  it("runs no QEMU but the one that is pinned", function()
    local exit, _, errors = run("--backend tcg --qemu-sha256 " .. ("0"):rep(64) .. " true")
    assert.equal(125, exit)
    assert.matches("QEMU is not the one that qemu_sha256 asks for", errors, 1, true)
  end)
end)
