local lib = require "kavach.snp"
local rows = require "kavach.doctor.snp"

-- STRUCT SNP_PLATFORM_STATUS of a firmware with ABI 1.55 that runs so many guests.
local function status(guests)
  return lib.hex(string.pack("<BBBBI4I4I4I8I8", 1, 55, 1, 1, 29, 0, guests, 0x73, 0x73))
end

local function machine(but)
  local m = {
    cpu_sev = function() return { snp = true, guests = 509, sev_from = 100 } end,
    kvm_snp = function() return "Y" end,
    open_kvm = function() return true end,
    run_sev_probe = function()
      return { exit_code = 0, stdout = status(3), stderr = "" }
    end,
    smt = function() return true end,
    find_qemu = function() return { path = "/q" } end,
    dialect = function() return "upstream" end,
    check_ovmf = function() return true end,
  }
  for key, value in pairs(but or {}) do m[key] = value end
  return { snp_machine = m, wanted = "auto" }
end

local function row(name, but) return rows[name](machine(but)) end

describe("What doctor says of SEV-SNP", function()
  it("is good where all of it is there", function()
    local seen = machine()
    for name in pairs(rows) do
      local good = rows[name](seen)
      assert.equal("ok", good.state, name)
      assert.is_string(good.found)
      assert.is_nil(good.advice, name)
    end
    assert.equal("sev-snp", seen.backend)
    seen = machine()
    seen.wanted = "tcg"
    rows["sev-snp"](seen)
    assert.is_nil(seen.backend)
  end)

  it("names ABI, build and TCB of the firmware", function()
    assert.equal("/dev/sev: ABI 1.55, build 29, TCB 0x0000000000000073", row("snp-firmware").found)
  end)

  it("counts the guests that can still be started", function()
    assert.equal("96 of 99 left for SNP guests", row("snp-asids").found)
    local full = row("snp-asids",
      { run_sev_probe = function() return { exit_code = 0, stdout = status(99), stderr = "" } end })
    assert.equal("missing", full.state)
    assert.equal("0 of 99 left for SNP guests", full.found)
    assert.matches("stop guests", full.advice)
    local none = row("snp-asids",
      { cpu_sev = function() return { snp = true, guests = 509, sev_from = 1 } end })
    assert.equal("missing", none.state)
    assert.matches("firmware's setup", none.advice, 1, true)
  end)

  it("names the bit of the guest policy that the firmware refuses", function()
    local refused = row("snp-policy", { dialect = function() return "seed" end })
    assert.equal("missing", refused.state)
    assert.matches("0x20300", refused.found, 1, true)
    assert.matches("min_abi_major", refused.found, 1, true)
    assert.matches("smt_allowed", refused.found, 1, true)
    assert.equal("choose another guest_policy", refused.advice)
  end)

  for name, case in pairs {
    ["snp-cpu"] = { { cpu_sev = function() return { snp = false, guests = 0, sev_from = 0 } end },
      "no SEV-SNP", "EPYC" },
    ["snp-kvm"] = { { kvm_snp = function() return "N" end }, "sev_snp is N", "6.11" },
    ["snp-firmware"] = { { run_sev_probe = function()
      return { exit_code = 1, stdout = "/dev/sev: No such file\n", stderr = "" }
    end }, "/dev/sev: No such file", "modprobe ccp", "sudo modprobe ccp" },
    ["snp-qemu"] = { { dialect = function() return nil, "QEMU 7.2 has none" end },
      "QEMU 7.2 has none", "9.1", "sudo apt install -t bookworm-backports qemu-system-x86" },
    ["snp-ovmf"] = { { check_ovmf = function() return nil, "OVMF: plain" end }, "OVMF: plain",
      "ovmf-amdsev" },
  } do
    it("tells what " .. name .. " lacks, and what to do", function()
      local bad = row(name, case[1])
      assert.equal("missing", bad.state)
      assert.matches(case[2], bad.found, 1, true)
      assert.matches(case[3], bad.advice, 1, true)
      assert.equal(case[4], bad.command)
      local all = row("sev-snp", case[1])
      assert.equal("missing", all.state)
      assert.matches(name, all.advice, 1, true)
    end)
  end
end)
