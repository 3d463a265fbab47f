local bytes = require "support.snp_bytes"
local err = require "kavach.err"
local json = require "kavach.json"
local report = require "kavach.report"
local snp = require "kavach.snp"
local vectors = require "support.vectors"

local SIZE <const> = bytes.REPORT_SIZE

local function refused(b)
  local r, e = report.parse(b)
  assert.is_nil(r)
  assert.is_true(err.is(e, "invalid_argument"))
  return tostring(e)
end

local function problems(b, product)
  return assert(snp.report_check(b, product))
end

--- The one problem that there is.
local function problem(b, product)
  local list = problems(b, product)
  assert.equal(1, #list, "problems of the report")
  return list[1]
end

describe("report.parse", function()
  it("gives back every byte, for random sound reports of every version", function()
    for version = 2, 5 do
      for _ = 1, 50 do
        local b = bytes.report(version)
        assert.same({}, problems(b))
        local r = assert(report.parse(b))
        assert.equal(b, r:to_bytes())
        r.raw = nil -- every byte that is not zero is in some field
        assert.equal(b, r:to_bytes())
      end
    end
  end)

  it("gives back every byte of random nonsense with a known version", function()
    for version = 2, 5 do
      for _ = 1, 50 do
        local b = ("<I4"):pack(version) .. bytes.random(SIZE - 4)
        assert.equal(b, assert(report.parse(b)):to_bytes())
      end
    end
  end)

  it("has each field at its offset", function()
    local covered = {}
    for _, field in ipairs(snp.report_fields()) do
      local number = field.name == "version" and 5 or 0x5a
      local mark = field.number and ("<I" .. field.size):pack(number)
        or string.rep("\x5a", field.size)
      local b = bytes.patch(string.rep("\0", SIZE), 0, ("<I4"):pack(5))
      local r = assert(report.parse(bytes.patch(b, field.offset, mark)))
      local in_signature = field.offset - 0x2a0
      if in_signature >= 0 then
        assert.equal(mark, r.signature:sub(in_signature + 1, in_signature + 72), field.name)
      else
        assert.equal(field.number and number or mark, r[field.name], field.name)
      end
      covered[field.offset] = field.name
    end
    -- By the specification, not by the code.
    for offset, name in pairs {
      [0x000] = "version", [0x004] = "guest_svn", [0x008] = "policy", [0x010] = "family_id",
      [0x020] = "image_id", [0x030] = "vmpl", [0x034] = "signature_algo", [0x038] = "current_tcb",
      [0x040] = "platform_info", [0x048] = "key_info", [0x050] = "report_data",
      [0x090] = "measurement", [0x0c0] = "host_data", [0x0e0] = "id_key_digest",
      [0x110] = "author_key_digest", [0x140] = "report_id", [0x160] = "report_id_ma",
      [0x180] = "reported_tcb", [0x188] = "cpuid_fam_id", [0x189] = "cpuid_mod_id",
      [0x18a] = "cpuid_step", [0x1a0] = "chip_id", [0x1e0] = "committed_tcb",
      [0x1e8] = "current_build", [0x1e9] = "current_minor", [0x1ea] = "current_major",
      [0x1ec] = "committed_build", [0x1ed] = "committed_minor", [0x1ee] = "committed_major",
      [0x1f0] = "launch_tcb", [0x1f8] = "launch_mit_vector", [0x200] = "current_mit_vector",
      [0x2a0] = "signature_r", [0x2e8] = "signature_s",
    } do
      assert.equal(name, covered[offset], ("field at 0x%03x"):format(offset))
    end
  end)

  it("gives no field to a version that has none", function()
    local old, middle = assert(report.parse(bytes.report(2))), assert(report.parse(bytes.report(4)))
    assert.is_nil(old.cpuid_fam_id)
    assert.equal(0x19, middle.cpuid_fam_id)
    assert.is_nil(middle.launch_mit_vector)
    assert.is_nil(old.product)
    assert.equal("Genoa", middle.product)
    old.cpuid_step = 1
    assert.error_matches(function() old:to_bytes() end, "version 2 has no cpuid_step")
  end)

  it("keeps masks whole over all 64 bits", function()
    local r = assert(report.parse(bytes.report(5, { [0x1f8] = string.rep("\xff", 8) })))
    assert.equal(-1, r.launch_mit_vector)
    assert.equal("0xffffffffffffffff", r:to_table().launch_mit_vector)
  end)

  it("writes fields that were changed", function()
    local b = bytes.report(5)
    local r = assert(report.parse(b))
    r.guest_svn, r.host_data = 7, string.rep("h", 32)
    local expected = bytes.patch(bytes.patch(b, 4, "\7\0\0\0"), 0xc0, string.rep("h", 32))
    assert.equal(expected, r:to_bytes())
    r.signature = string.rep("s", 512)
    assert.equal(string.rep("s", 512), r:to_bytes():sub(0x2a1))
    r.host_data = "short"
    assert.error_matches(function() r:to_bytes() end, "host_data must be 32 bytes")
    r.host_data, r.vmpl = nil, 1 << 32
    assert.error_matches(function() r:to_bytes() end, "vmpl does not fit in 4 bytes")
  end)

  it("takes 1184 bytes and no other number", function()
    local b = bytes.report(3)
    for _, size in ipairs { 0, 1, 672, 1183 } do
      assert.matches(("1184 bytes; this is %d$"):format(size), refused(b:sub(1, size)))
    end
    assert.matches("this is 1185", refused(b .. "\0"))
    assert.error_matches(function() report.parse(5) end, "must be a string")
  end)

  it("refuses versions that it does not know, by their number", function()
    for version, text in pairs {
      [0] = "version 0: the oldest", [1] = "version 1: the oldest", [6] = "version 6 is not known",
      [0x02000000] = "version 33554432 is not known", [0xffffffff] = "version 4294967295 is not",
    } do
      assert.matches(text, refused(("<I4"):pack(version) .. bytes.report(5):sub(5)), 1, true)
    end
  end)
end)

describe("the structural check", function()
  local RESERVED <const> = {
    [2] = { { 0x04c, 4 }, { 0x188, 24 }, { 0x1eb, 1 }, { 0x1ef, 1 }, { 0x1f8, 0xa8 } },
    [3] = { { 0x04c, 4 }, { 0x18b, 21 }, { 0x1eb, 1 }, { 0x1ef, 1 }, { 0x1f8, 0xa8 } },
    [5] = { { 0x04c, 4 }, { 0x18b, 21 }, { 0x1eb, 1 }, { 0x1ef, 1 }, { 0x208, 0x98 } },
  }
  RESERVED[4] = RESERVED[3]
  local TCBS <const> = {
    current_tcb = 0x38, reported_tcb = 0x180, committed_tcb = 0x1e0, launch_tcb = 0x1f0,
  }

  for version = 2, 5 do
    it(("finds every reserved byte that is set, in version %d"):format(version), function()
      local sound = bytes.report(version)
      for _, region in ipairs(RESERVED[version]) do
        for offset = region[1], region[1] + region[2] - 1 do
          local found = problem(bytes.patch(sound, offset, string.char(math.random(1, 255))))
          assert.equal("reserved", found.rule)
          assert.equal(offset, found.offset)
          assert.matches(("byte 0x%03x"):format(offset), found.message, 1, true)
        end
      end
    end)
  end

  it("finds every byte above the signature's numbers and after them", function()
    local sound = bytes.report(5)
    for offset = 0x2a0, SIZE - 1 do
      local list = problems(bytes.patch(sound, offset, "\1"))
      local scalar = offset < 0x2d0 or (offset >= 0x2e8 and offset < 0x318)
      assert.equal(scalar and 0 or 1, #list, ("0x%03x"):format(offset))
      if not scalar then
        assert.equal(offset < 0x330 and "signature_scalars" or "signature_reserved", list[1].rule)
        assert.equal(offset, list[1].offset)
      end
    end
  end)

  it("finds reserved bytes of each TCB, by the product's layout", function()
    local genoa = bytes.report(5)
    local turin = bytes.report(5, { [0x188] = "\x1a\x02\x01", [0x1a8] = string.rep("\0", 56) })
    for field, at in pairs(TCBS) do
      turin = bytes.patch(turin, at, "\1\2\3\4\0\0\0\5")
      for byte = 0, 7 do
        local found = problems(bytes.patch(genoa, at + byte, "\1"))
        assert.equal((byte >= 2 and byte <= 5) and 1 or 0, #found, field .. byte)
        if found[1] then
          assert.same({ "tcb_reserved", field, at + byte },
            { found[1].rule, found[1].field, found[1].offset })
        end
      end
    end
    assert.same({}, problems(turin))
    for byte = 4, 6 do
      assert.equal(0x38 + byte, problem(bytes.patch(turin, 0x38 + byte, "\1")).offset)
    end
  end)

  for name, case in pairs {
    ["a signature algorithm other than 1"] = { "signature_algo", 0x34, "\2", "must be 1.*is 2" },
    ["a VMPL above 3"] = { "vmpl", 0x30, "\4", "must be 0 to 3, is 4" },
    ["a report that the host asked for"] = { "vmpl", 0x30, "\xff\xff\xff\xff", "the host asked" },
    ["reserved bits of KEY_INFO"] = { "key_info", 0x48, "\x21", "reserved bits set: 0x20" },
    ["the highest bit of KEY_INFO"] = { "key_info", 0x4b, "\x80", "0x80000000" },
    ["a reserved signing key"] = { "signing_key", 0x48, "\x09", "signing key 2 is reserved" },
    ["no signing key"] = { "signing_key", 0x48, "\x1d", "signing key 7 is none" },
    ["a masked signature"] = { "mask_chip_key", 0x48, "\3", "not signed" },
    ["an author key that is not enabled"] = { "author_key", 0x48, "\0", "AUTHOR_KEY_EN is 0" },
    ["a policy without bit 17"] = { "policy_bit_17", 0xa, "\1", "bit 17 must be 1" },
    ["reserved bits of a policy"] = { "policy_reserved", 0xb, "\4",
      "reserved bits set: 0x4000000" },
    ["the highest bit of a policy"] = { "policy_reserved", 0xf, "\x80", "0x8000000000000000" },
    ["a processor that is not known"] = { "product", 0x189, "\x20", "model 0x20 is not known" },
  } do
    it("finds " .. name, function()
      local found = problem(bytes.report(5, { [case[2]] = case[3] }))
      assert.equal(case[1], found.rule)
      assert.matches(case[4], found.message)
    end)
  end

  it("names Venice", function()
    local found = problem(bytes.report(5, { [0x188] = "\x1a\x50\0" }))
    assert.matches("model 0x50 is Venice", found.message)
  end)

  it("finds a long chip id on Turin", function()
    local b = bytes.report(5, { [0x188] = "\x1a\x02\0" })
    for _, at in pairs(TCBS) do b = bytes.patch(b, at, string.rep("\0", 8)) end
    local found = problem(b)
    assert.equal("chip_id", found.rule)
    assert.is_true(found.offset >= 0x1a8 and found.offset < 0x1e0)
  end)

  it("takes a zero author key digest with or without the key", function()
    for _, key in ipairs { "\0", "\1" } do
      assert.same({}, problems(bytes.report(5, { [0x48] = key, [0x110] = string.rep("\0", 48) })))
    end
  end)

  it("lists everything that is wrong, not only the first", function()
    local b = bytes.report(5, { [0x4c] = "\1", [0x30] = "\9", [0x34] = "\9",
      [0x208] = "\1\1", [0x49f] = "\1" })
    local rules = {}
    for i, found in ipairs(problems(b)) do rules[i] = found.rule end
    assert.same({ "reserved", "reserved", "signature_algo", "vmpl", "signature_reserved" }, rules)
    assert.matches("not the only one", problems(b)[2].message)
  end)

  it("has room for all that can be wrong at once", function()
    for version = 2, 5 do
      local b = ("<I4"):pack(version) .. string.rep("\xff", SIZE - 4)
      local last = problems(b)
      assert.equal("signature_reserved", last[#last].rule)
    end
  end)
end)

describe("the product", function()
  for model, product in pairs {
    [0x1900] = "Milan", [0x190f] = "Milan", [0x1910] = "Genoa", [0x191f] = "Genoa",
    [0x1920] = false, [0x199f] = false, [0x19a0] = "Genoa", [0x19af] = "Genoa", [0x19b0] = false,
    [0x1a00] = "Turin",
    [0x1a11] = "Turin", [0x1a12] = false, [0x1a50] = "Venice", [0x1a57] = "Venice",
    [0x1a58] = false, [0x1ac7] = "Venice", [0x1731] = false, [0x0000] = false,
  } do
    it(("of family and model 0x%04x is %s"):format(model, product or "not known"), function()
      assert.equal(product or nil, snp.product_of(model >> 8, model & 0xff))
    end)
  end

  it("of a version 2 report is Turin with a short chip id, else not told", function()
    local short = "12345678" .. string.rep("\0", 56)
    assert.equal("Turin", report.parse(bytes.report(2, { [0x1a0] = short })).product)
    assert.is_nil(report.parse(bytes.report(2, { [0x1a0] = string.rep("\0", 64) })).product)
    assert.is_nil(report.parse(bytes.report(2)).product)
  end)
end)

describe("a TCB", function()
  it("is taken apart by the product's layout", function()
    local genoa = bytes.report(5, { [0x180] = "\x0a\x01\0\0\0\0\x17\x54" })
    assert.same({ boot_loader = 10, tee = 1, snp = 23, microcode = 84 },
      report.parse(genoa):tcbs().reported)
    local turin = bytes.report(5, { [0x188] = "\x1a\x02\1", [0x180] = "\1\2\3\4\0\0\0\x51" })
    assert.same({ fmc = 1, boot_loader = 2, tee = 3, snp = 4, microcode = 81 },
      report.parse(turin):tcbs().reported)
  end)

  it("of a masked version 2 report has no layout until the product is told", function()
    local r = report.parse(bytes.report(2, { [0x1a0] = string.rep("\0", 64) }))
    assert.is_nil(r:tcbs())
    assert.is_nil(r:tcbs("Milan").reported.fmc)
    assert.is_number(r:tcbs("turin").reported.fmc)
    assert.error_matches(function() r:tcbs "Naples" end, "unknown product")
  end)

  it("of a version 2 report with a long chip id is not Turin's", function()
    assert.is_nil(report.parse(bytes.report(2)):tcbs().reported.fmc)
  end)
end)

describe("report:verify", function()
  it("passes a sound report at VMPL 0", function()
    assert.is_true(report.parse(bytes.report(3, { [0x30] = "\0" })):verify())
  end)

  it("gives every reason why not", function()
    local sound, reasons = report.parse(bytes.report(3, { [0x30] = "\2", [0x4d] = "\1" })):verify()
    assert.is_false(sound)
    assert.same({ "vmpl must be 0, is 2", "reserved_04c must be zero; byte 0x04d is 0x01" },
      { reasons[1], reasons[2] })
    assert.equal(2, #reasons)
    assert.equal("vmpl must be 0, is 2; reserved_04c must be zero; byte 0x04d is 0x01",
      tostring(reasons))
  end)

  it("checks the reserved bytes of the layout that it is told", function()
    local r = report.parse(bytes.report(2, { [0x30] = "\0", [0x1a0] = string.rep("\0", 64),
      [0x38] = "\1\1\1\1\0\0\0\1", [0x180] = "\1\1\1\1\0\0\0\1", [0x1e0] = "\1\1\1\1\0\0\0\1",
      [0x1f0] = "\1\1\1\1\0\0\0\1" }))
    assert.is_true(r:verify())
    assert.is_true(r:verify "Turin")
    assert.is_false((r:verify "Milan"))
  end)
end)

describe("the short JSON form", function()
  local function claims(changes)
    local t = {
      report_version = 2, guest_svn = 1, policy = 0x30000, vmpl = 0,
      measurement = string.rep("Ab", 48), host_data = string.rep("00", 32),
      id_key_digest = string.rep("00", 48), report_id = string.rep("12", 32),
      signature = json.array {},
    }
    for i = 1, 512 do t.signature[i] = i % 256 end
    for key, value in pairs(changes or {}) do t[key] = value ~= json.null and value or nil end
    return json.encode(t)
  end

  local function reasons(changes)
    local sound, list = assert(report.from_json(claims(changes))):verify()
    assert.is_false(sound)
    return tostring(list)
  end

  it("has nine fields of a report", function()
    local b = bytes.report(5)
    local r = report.parse(b)
    local t = json.decode(r:to_json())
    local keys = {}
    for key in pairs(t) do keys[#keys + 1] = key end
    table.sort(keys)
    assert.same({ "guest_svn", "host_data", "id_key_digest", "measurement", "policy", "report_id",
      "report_version", "signature", "vmpl" }, keys)
    assert.equal(r.policy, t.policy)
    assert.equal(512, #t.signature)
    assert.equal(b:byte(0x2a1), t.signature[1])
    assert.equal(b:byte(SIZE), t.signature[512])
    assert.equal(snp.hex(b:sub(0x91, 0xc0)), t.measurement)
  end)

  it("comes back", function()
    for version = 2, 5 do
      local r = report.parse(bytes.report(version))
      local again = assert(report.from_json(assert(r:to_json())))
      assert.equal(r:to_json(), again:to_json())
      for _, name in ipairs { "version", "policy", "vmpl", "guest_svn", "measurement", "host_data",
        "id_key_digest", "report_id", "signature" } do
        assert.equal(r[name], again[name], name)
      end
    end
  end)

  it("passes the structural check", function()
    assert.is_true(report.from_json(claims()):verify())
  end)

  it("fails the structural check for each reason", function()
    assert.equal("measurement must be 96 hex digits, is 94 characters",
      reasons { measurement = string.rep("ab", 47) })
    assert.equal("measurement must be 96 hex digits, is 96 characters, not all of them hex",
      reasons { measurement = string.rep("xy", 48) })
    assert.equal("measurement must be 96 hex digits, is 0 characters", reasons { measurement = "" })
    assert.equal("report_id must be 64 hex digits, is 96 characters",
      reasons { report_id = string.rep("00", 48) })
    assert.equal("signature must be at least 96 bytes, is 95",
      reasons { signature = json.array { string.byte(string.rep("s", 95), 1, -1) } })
    assert.equal("vmpl must be 0, is 1", reasons { vmpl = 1 })
    assert.matches("measurement.*report_id.*signature.*vmpl", reasons {
      measurement = "", report_id = "", signature = json.array(), vmpl = 3 })
    assert.is_true(report.from_json(claims {
      signature = json.array { string.byte(string.rep("s", 96), 1, -1) } }):verify())
  end)

  it("refuses what is not it", function()
    for text, why in pairs {
      [""] = "unexpected end", ["[]"] = "is an object", ["null"] = "is an object",
      ["1"] = "is an object", ["{}"] = "is required",
      [claims { vmpl = "0" }] = "vmpl must be an integer",
      [claims { policy = -1 }] = "policy must be", [claims { policy = 1.5 }] = "policy must be",
      [claims { measurement = 5 }] = "must be a string",
      [claims { guest_svn = 1 << 32 }] = "guest_svn must be",
      [claims { signature = json.array { 256 } }] = "signature%[1%] must be",
      [claims { signature = "00" }] = "signature must be a list",
      [claims { vmpl = json.null }] = "vmpl is required",
      [claims { polcy = 1 }] = "unknown option 'polcy' %(did you mean 'policy'%?%)",
      ['{"vmpl":0,"vmpl":0}'] = "duplicate key", ['{"vmpl":NaN}'] = "invalid value",
      [string.rep("[", 200)] = "nested more than", [string.rep(" ", 1 << 20) .. "{}"] = "at most",
      ['{"policy":18446744073709551616}'] = "beyond 64 bits",
    } do
      local r, e = report.from_json(text)
      assert.is_nil(r)
      assert.is_true(err.is(e, "invalid_argument"))
      assert.matches(why, tostring(e))
    end
    assert.error_matches(function() report.from_json(nil) end, "expected a string")
  end)

  it("is not a whole report", function()
    local r = report.from_json(claims())
    for _, method in ipairs { "to_bytes", "to_table", "to_text" } do
      local value, e = r[method](r)
      assert.is_nil(value)
      assert.is_true(err.is(e, "invalid_argument"))
    end
  end)

  it("does not write a policy that no JSON number holds", function()
    local text, e = report.parse(bytes.report(5, { [0xf] = "\x80" })):to_json()
    assert.is_nil(text)
    assert.matches("bit 63", tostring(e))
  end)
end)

describe("the full JSON form", function()
  it("has every bit and component by name", function()
    local b = bytes.report(5, {
      [0x008] = ("<I8"):pack(0x02030137), [0x040] = ("<I8"):pack(0x125), [0x048] = "\5",
      [0x180] = "\x0a\0\0\0\0\0\x17\x54", [0x1e8] = "\x1d\x37\1",
    })
    local t = assert(json.decode(assert(report.parse(b):to_json { full = true })))
    assert.equal(1, t.version)
    assert.equal(5, t.report_version)
    assert.equal("0x2030137", t.policy.value)
    assert.same({ 1, 0x37 }, { t.policy.abi_major, t.policy.abi_minor })
    assert.same({ SMT = true, MIGRATE_MA = false, DEBUG = false, SINGLE_SOCKET = false,
      CXL_ALLOW = false, MEM_AES_256_XTS = false, RAPL_DIS = false, CIPHERTEXT_HIDING_DRAM = false,
      PAGE_SWAP_DISABLE = true }, t.policy.bits)
    assert.same({ SMT_EN = true, TSME_EN = false, ECC_EN = true, RAPL_DIS = false,
      CIPHERTEXT_HIDING_DRAM_EN = false, ALIAS_CHECK_COMPLETE = true, IOMMU_WRITE_SAFE = false,
      TIO_EN = false }, t.platform_info.bits)
    assert.equal("0x100", t.platform_info.unknown_bits)
    assert.same({ "vlek", true, false }, { t.key_info.signing_key, t.key_info.author_key_en,
      t.key_info.mask_chip_key })
    assert.same({ value = "0x541700000000000a", boot_loader = 10, tee = 0, snp = 23,
      microcode = 84 }, t.reported_tcb)
    assert.equal("1.55.29", t.firmware.current)
    assert.equal(snp.hex(b:sub(0x51, 0x90)), t.report_data)
    assert.equal(snp.hex(b:sub(0x2a1, 0x2a0 + 72)), t.signature.r)
    assert.same({}, t.problems)
  end)

  it("keeps an empty list of problems an array, and fills it", function()
    local text = report.parse(bytes.report(4)):to_json { full = true }
    assert.matches('"problems":[]', text, 1, true)
    local t = json.decode(report.parse(bytes.report(4, { [0x1eb] = "\1" })):to_json { full = true })
    assert.equal("reserved_1eb", t.problems[1].field)
  end)

  it("refuses options that it does not know", function()
    local r = report.parse(bytes.report(4))
    assert.error_matches(function() r:to_json { ful = true } end, "unknown option 'ful'")
  end)
end)

describe("a report's text", function()
  it("names the bits, and what is wrong", function()
    local text = report.parse(bytes.report(3, { [0x8] = ("<I8"):pack(0xb0000), [0x40] = "\x25",
      [0x30] = "\xff\xff\xff\xff" })):to_text()
    assert.matches("report +version 3, Genoa\n", text)
    assert.matches("policy +0xb0000  DEBUG SMT, ABI 0.0\n", text)
    assert.matches("platform_info +0x25  ALIAS_CHECK_COMPLETE ECC_EN SMT_EN\n", text)
    assert.matches("vmpl +the host asked for this report\n", text)
    assert.matches("problem +vmpl at 0x030: the host asked", text)
  end)

  it("has nothing in it that a terminal would obey", function()
    for _ = 1, 20 do
      local text = report.parse(("<I4"):pack(5) .. bytes.random(SIZE - 4)):to_text()
      assert.is_nil(text:find "[^%g \n]")
    end
  end)
end)

describe("real and generated evidence", function()
  local folders = vectors.folders "report.bin"

  vectors.it("is there", function() assert.is_true(#folders >= 20) end)

  for _, folder in ipairs(folders) do
    local real = not folder:find "^synthetic%-"
    vectors.it(("reads %s and gives it back"):format(folder), function()
      local b = vectors.need(folder .. "/report.bin")
      local expected = json.decode(vectors.need(folder .. "/expected.json"))
      if folder == "synthetic-reject-version-1" then
        return assert.matches("version 1", refused(b))
      end
      local r = assert(report.parse(b))
      assert.equal(b, r:to_bytes())
      assert.is_string(r:to_text())
      assert.equal(expected.report_version or r.version, r.version)
      if real then
        assert.same({}, problems(b))
        assert.equal(r.vmpl == 0, (r:verify()))
        if r.product then assert.equal(folder:match "^%a+", r.product:lower()) end
      end
    end)
  end

  for folder, rule in pairs {
    ["synthetic-reject-host-requested"] = "vmpl", ["synthetic-reject-vmpl-4"] = "vmpl",
    ["synthetic-reject-keyinfo-bit5"] = "key_info", ["synthetic-reject-reserved-208"] = "reserved",
    ["synthetic-reject-mask-chip-key-zero-sig"] = "mask_chip_key",
    ["synthetic-reject-sig-r-high-byte"] = "signature_scalars",
    ["synthetic-reject-sig-tail"] = "signature_reserved",
    ["synthetic-reject-sigalgo-2"] = "signature_algo",
    ["synthetic-reject-unsigned-key-none"] = "signing_key",
  } do
    vectors.it(("finds what is wrong with %s"):format(folder), function()
      assert.equal(rule, problem(vectors.need(folder .. "/report.bin")).rule)
    end)
  end
end)
