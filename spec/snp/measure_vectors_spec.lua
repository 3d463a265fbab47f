local firmware = require "support.firmware"
local json = require "kavach.json"
local kavach = require "kavach"
local program = require "support.program"
local snp = require "kavach.snp"
local vectors = require "support.vectors"

local function given(value) return value ~= nil and value ~= json.null and value or nil end

local cases, intermediates = {}, {}
if vectors.read "measure/cases.json" then
  local all = assert(json.decode(vectors.need "measure/cases.json"))
  for _, list in ipairs { all.upstream_tests, all.extra } do
    for _, case in ipairs(list) do cases[#cases + 1] = case end
  end
  intermediates = assert(json.decode(vectors.need "measure/intermediates.json"))
end

describe("launch digests of sev-snp-measure", function()
  local empty = os.tmpname()
  teardown(function() os.remove(empty) end)

  local function path(name)
    name = given(name)
    return name and (name == "empty" and empty or vectors.directory .. "/measure/" .. name)
  end

  local function options(case)
    return {
      mode = case.mode, vcpus = case.vcpus, vcpu_type = given(case.vcpu_type), vmm = case.vmm,
      guest_features = case.guest_features, ovmf = path(case.ovmf), kernel = path(case.kernel),
      initrd = path(case.initrd), append = given(case.append), ovmf_hash = given(case.ovmf_hash),
      svsm = path(case.svsm), vars_size = given(case.ovmf_vars_size),
    }
  end

  local function words(case)
    local o = options(case)
    local list = { "measure", "--mode", o.mode, "--vcpus", ("%d"):format(o.vcpus), "--vmm-type",
      o.vmm, ("--guest-features=0x%x"):format(o.guest_features), "--ovmf", o.ovmf }
    for key, option in pairs { vcpu_type = "--vcpu-type", kernel = "--kernel", initrd = "--initrd",
      append = "--append", ovmf_hash = "--snp-ovmf-hash", svsm = "--svsm",
      vars_size = "--vars-size" } do
      if o[key] then table.move({ option, tostring(o[key]) }, 1, 2, #list + 1, list) end
    end
    return list
  end

  for _, case in ipairs(cases) do
    local expected = given(case.expected)
    it(("%s: %s"):format(case.name, expected and "the same" or "refused"), function()
      local m, e = kavach.measure(options(case))
      local code, out, errors = program.run(table.unpack(words(case)))
      if expected then
        assert.equal(expected, tostring(assert(m, e)))
        assert.equal(expected .. "\n", out)
        assert.same({ 0, "" }, { code, errors })
      else
        assert.matches("a kernel is given, but the firmware does not measure", tostring(e))
        assert.same({ nil, 1, "" }, { m, code, out })
        assert.matches("^kavach: measure: .*a kernel is given", errors)
      end
    end)
  end

  vectors.it("are all there", function() assert.is_true(#cases >= 31) end)

  vectors.it("agree on every page of a launch", function()
    local wanted = intermediates.trace_case
    local trace = json.decode(vectors.need(("measure/trace_%s.json"):format(wanted)))
    for _, case in ipairs(cases) do
      if case.name == wanted then
        local o = options(case)
        o.trace = true
        local steps = assert(kavach.measure(o)).trace
        assert.equal(#trace, #steps)
        for i, step in ipairs(trace) do
          assert.same({ step.page_type, step.gpa, step.contents, step.ld }, { steps[i].page_type,
            ("0x%x"):format(steps[i].gpa), snp.hex(steps[i].contents), snp.hex(steps[i].digest) })
        end
        return
      end
    end
    error("no case " .. wanted)
  end)

  vectors.it("agree on the pages that CPUs begin with", function()
    local m = assert(kavach.measure { ovmf = path "ovmf_AmdSev_suffix.bin", vcpus = 2,
      vcpu_type = "EPYC-v4" })
    assert.equal(vectors.need "measure/vmsa_bsp_EPYC-v4_qemu_0x1.bin", m.vmsa_bsp)
    assert.equal(vectors.need "measure/vmsa_ap_EPYC-v4_qemu_0x1.bin", m.vmsa_ap)
  end)

  vectors.it("agree on the table of kernel hashes", function()
    -- what specs compare with, too
    assert.equal(intermediates.hash_table_hex,
      snp.hex(firmware.hash_table("", "", "console=ttyS0 loglevel=7")))
  end)

  for name, want in pairs(intermediates) do
    if type(want) == "table" and want.footer_guids then
      it("read " .. name .. " alike", function()
        local found = assert(snp.ovmf_parse(vectors.need("measure/" .. name)))
        assert.equal(want.size, found.size)
        assert.equal(#want.sections, #found.sections)
        for i, section in ipairs(want.sections) do
          local it = found.sections[i]
          assert.same({ section.gpa, section.size, (section.type:gsub("^SNP_", "")) },
            { ("0x%x"):format(it.gpa), ("0x%x"):format(it.size), it.name })
        end
        if want.reset_eip then
          assert.same({ want.reset_eip, want.hashes_table_gpa, want.gpa }, {
            ("0x%x"):format(found.reset_eip), ("0x%x"):format(found.hashes_gpa),
            ("0x%x"):format(found.gpa) })
        end
      end)
    end
  end
end)

describe("ID blocks of others", function()
  local list = vectors.read "measure/idblock/idblock.json"
  for _, case in ipairs(list and json.decode(list) or {}) do
    local function key(name) return vectors.directory .. "/measure/idblock/" .. name end

    it(case.name .. ": the same block and key digests", function()
      local made = assert(kavach.measure.id_block { digest = case.ld, id_key = key(case.id_key),
        author_key = key(case.author_key) })
      assert.equal(case.id_block_b64, snp.base64(made.id_block))
      assert.equal(case.id_key_digest, snp.hex(made.id_key_digest))
      assert.equal(case.author_key_digest, snp.hex(made.author_key_digest))
      local id_block = require "kavach.measure.id_block"
      assert.same({ block_signed = true, key_signed = true, id_key_digest = made.id_key_digest,
        author_key_digest = made.author_key_digest }, id_block.check(made.id_block, made.id_auth))
      if case.id_auth_file then
        local theirs = vectors.need("measure/idblock/" .. case.id_auth_file)
        local result = id_block.check(made.id_block, theirs)
        assert.same({ true, true }, { result.block_signed, result.key_signed })
        assert.equal(made.id_key_digest, result.id_key_digest)
        -- all but the signatures, which are new each time
        local function unsigned(auth)
          return auth:sub(1, 0x40) .. auth:sub(0x241, 0x680) .. auth:sub(0x881)
        end
        assert.equal(unsigned(theirs), unsigned(made.id_auth))
        assert.equal(vectors.need "measure/idblock/test_id_sig.bin", theirs:sub(0x41, 0x240))
        assert.equal(vectors.need "measure/idblock/test_auth_sig.bin", theirs:sub(0x681, 0x880))
      end
    end)
  end
end)
