-- The command lines of SEV-SNP guests, given to a real QEMU: KAVACH_QEMU_SNP names one of 9.1 or
-- later, else the one that kavach finds is tried; KAVACH_OVMF an AmdSev build of OVMF.

local process = require "kavach.process"
local qemu = require "kavach.sandbox.qemu"
local ovmf = require "kavach.sandbox.ovmf"
local sandbox = require "kavach.sandbox"

local found, no_qemu = qemu.find { qemu_path = os.getenv "KAVACH_QEMU_SNP" }
local dialect
if found then dialect, no_qemu = qemu.dialect(found) end
if not dialect then found, no_qemu = nil, tostring(no_qemu) end

local firmware = ovmf.find()

-- The vector of a launch with these options, without what connects to a host.
local function vector(options)
  local all = {
    backend = "sev-snp", dialect = "upstream", qemu_path = found.path, firmware = firmware,
  }
  for key, value in pairs(options) do all[key] = value end
  local argv = assert(sandbox.dry_run(all))
  for i, word in ipairs(argv) do
    local id = word:match "^socket,id=(%w+)," or word:match "^stdio,id=(%w+),"
    if id then argv[i] = "null,id=" .. id end
  end
  return argv
end

local function run(argv)
  return assert(process.exec(argv, { program = found.program, timeout_ms = 20000, env = {} }))
end

local function needs_qemu()
  if not found then pending("no QEMU with SEV-SNP guests: " .. no_qemu) end
  local ok, why = ovmf.check(firmware)
  if not ok then pending(why) end
end

local FULL <const> = {
  guest_policy = 0x30137, cpu_model = "EPYC-Milan-v2", host_data = ("\1"):rep(32),
  id_block = ("\0"):rep(0x58) .. string.pack("<I8", 0x30137), id_auth = ("\3"):rep(4096),
  author_key_enabled = true, vcek_disabled = true, memory_limit_mb = 256,
}

describe("A real QEMU with SEV-SNP guests", function()
  it("says that its dialect is upstream", function()
    needs_qemu()
    assert.equal("upstream", dialect)
  end)

  -- Emulated, it makes its objects and reads all of their properties, and only then finds that it
  -- cannot encrypt the guest.
  it("takes each property that kavach may give", function()
    needs_qemu()
    for _, options in ipairs { {}, FULL } do
      local argv = vector(options)
      for i, word in ipairs(argv) do
        if word == "-accel" then argv[i + 1] = "tcg" end
      end
      assert.matches("cannot set up private guest memory for sev-snp-guest: KVM required",
        run(argv).stderr, 1, true)
    end
  end)

  it("refuses what there is not, so that the spec above means something", function()
    needs_qemu()
    local argv = vector {}
    for i, word in ipairs(argv) do
      if word == "-accel" then argv[i + 1] = "tcg" end
      if word:find "^sev%-snp%-guest" then argv[i] = word .. ",nonsense=on" end
    end
    local r = run(argv)
    assert.not_equal(0, r.exit_code)
    assert.matches("nonsense", r.stderr, 1, true)
  end)

  it("gets as far as KVM, if that has no such guests", function()
    needs_qemu()
    local device, why = io.open("/dev/kvm", "r+b")
    if not device then pending(why) end
    device:close()
    for _, options in ipairs { {}, FULL } do
      local r = run(vector(options))
      assert.equal(1, r.exit_code)
      assert.matches("vm-type SEV-SNP not supported by KVM", r.stderr, 1, true)
    end
  end)
end)
