local err = require "kavach.err"
local firmware = require "support.firmware"
local host = require "support.host"
local kavach = require "kavach"
local snp = require "kavach.snp"

local measure = kavach.measure
local SIG <const> = 0x800f12 -- EPYC
local PAGE <const> = firmware.PAGE

describe("kavach.measure", function()
  local folder, remove
  setup(function() folder, remove = host.folder() end)
  teardown(function() remove() end)

  local function file(name, bytes) return host.write(folder .. "/" .. name, bytes) end

  --- Options for an image, in a file; `more` wins.
  local function options(image, more)
    local o = { ovmf = file("fw", image), vcpus = 1, vcpu_type = "EPYC-v4" }
    for key, value in pairs(more or {}) do o[key] = value end
    return o
  end

  --- What a firmware that must not be measured is refused with.
  local function refused(image, more)
    local m, e = measure(options(image, more))
    assert.is_nil(m)
    assert.is_true(err.is(e), "an error value")
    return tostring(e), e.kind
  end

  --- The pages of the sections in firmware.sections() for a VMM, and CPUs' pages.
  local function expected_pages(image, o)
    local mem = o.vmm == "gce" and 4 or 3
    local hashes = { type = 3, gpa = 0x810000 }
    if o.table then
      hashes = { type = 1, gpa = 0x810000, bytes = firmware.page { { 0xc00, "c176", o.table } } }
    end
    local pages = firmware.image_pages(image)
    local cpuid = { type = 6, gpa = 0x80e000 }
    table.move({ { type = mem, gpa = 0x800000 }, { type = mem, gpa = 0x801000 },
      { type = 5, gpa = 0x80d000 }, cpuid, { type = 3, gpa = 0x80f000 }, hashes,
      { type = mem, gpa = 0x811000 } }, 1, 7, #pages + 1, pages)
    if o.vmm == "ec2" then
      table.remove(pages, #pages - 3)
      pages[#pages + 1] = cpuid
    end
    local function cpu(eip)
      return firmware.vmsa { vmm = o.vmm, eip = eip, sig = SIG, features = o.features or 1 }
    end
    return firmware.add_cpus(pages, cpu(0xfffffff0), cpu(0x80b004), o.vcpus or 1)
  end

  describe("on a small firmware", function()
    local image = firmware.image()

    for _, vmm in ipairs { "QEMU", "ec2", "gce" } do
      it("computes what the formats say for " .. vmm, function()
        local want = firmware.digest(expected_pages(image, { vmm = vmm, vcpus = 3 }))
        assert.equal(snp.hex(want), tostring(assert(measure(options(image,
          { vmm = vmm, vcpus = 3 })))))
      end)
    end

    it("puts the kernel's hashes where the firmware wants them", function()
      local kernel, initrd = ("k"):rep(300000), ("i"):rep(131072)
      local want = firmware.digest(expected_pages(image, { vmm = "QEMU",
        table = firmware.hash_table(kernel, initrd, "quiet") }))
      local m = assert(measure(options(image, { kernel = file("kernel", kernel),
        initrd = file("initrd", initrd), append = "quiet" })))
      assert.equal(snp.hex(want), m:hex())
      assert.equal(snp.base64(want), m:base64())
    end)

    it("takes a kernel alone: no initrd, no command line", function()
      local want = firmware.digest(expected_pages(image, { vmm = "QEMU",
        table = firmware.hash_table("k", "", "") }))
      assert.equal(want, assert(measure(options(image, { kernel = file("kernel", "k") }))).digest)
    end)

    it("counts the guest features, all 64 bits", function()
      for _, features in ipairs { 0x21, -1 } do
        local want = firmware.digest(expected_pages(image, { vmm = "QEMU", features = features }))
        assert.equal(want, assert(measure(options(image, { guest_features = features }))).digest)
      end
    end)

    it("goes on from the digest of the firmware's pages", function()
      local start = assert(measure(options(image, { mode = "snp:ovmf-hash" })))
      assert.equal(firmware.digest(firmware.image_pages(image)), start.digest)
      local whole = assert(measure(options(image)))
      for _, hash in ipairs { start.digest, start:hex(), start:hex():upper(), start:base64() } do
        assert.equal(whole.digest, assert(measure(options(image, { ovmf_hash = hash }))).digest)
      end
    end)

    it("computes the digests of SEV and SEV-ES", function()
      local hashes = firmware.hash_table("k", "", "a")
      local kernel = { kernel = file("kernel", "k"), append = "a", mode = "sev" }
      assert.equal(firmware.sha256(image), assert(measure(options(image, { mode = "sev" }))).digest)
      assert.equal(firmware.sha256(image .. hashes), assert(measure(options(image, kernel))).digest)
      local function cpu(eip)
        return firmware.vmsa { vmm = "QEMU", eip = eip, sig = SIG, features = 0 }
      end
      kernel.mode, kernel.vcpus = "seves", 3
      assert.equal(firmware.sha256(image .. hashes .. cpu(0xfffffff0) .. cpu(0x80b004):rep(2)),
        assert(measure(options(image, kernel))).digest)
    end)

    it("tells every page of the launch", function()
      local pages = expected_pages(image, { vmm = "QEMU", vcpus = 2 })
      local trace = assert(measure(options(image, { trace = true, vcpus = 2 }))).trace
      assert.equal(#pages, #trace)
      for i, page in ipairs(pages) do
        assert.same({ page.type, page.gpa }, { trace[i].page_type, trace[i].gpa })
      end
      assert.equal(firmware.digest(pages), trace[#trace].digest)
    end)

    it("is not confused by equal pages after other ones", function()
      local blank, other = ("\0"):rep(PAGE), ("x"):rep(PAGE)
      local mixed = blank .. blank .. other .. blank .. other .. other .. image
      assert.equal(firmware.digest(firmware.image_pages(mixed)),
        assert(measure(options(mixed, { mode = "snp:ovmf-hash" }))).digest)
    end)

    it("gives the pages that CPUs begin with", function()
      local m = assert(measure(options(image, { vcpus = 2, guest_features = 0x21 })))
      local function cpu(eip)
        return firmware.vmsa { vmm = "QEMU", eip = eip, sig = SIG, features = 0x21 }
      end
      assert.equal(cpu(0xfffffff0), m.vmsa_bsp)
      assert.equal(cpu(0x80b004), m.vmsa_ap)
    end)

    it("lets other tasks run meanwhile", function()
      local slow = options(image, { kernel = file("large", ("k"):rep(16 << 20)) })
      local ticks, finished = 0, false
      kavach.all {
        kavach.spawn(function() assert(measure(slow)) finished = true end),
        kavach.spawn(function() repeat kavach.sleep(0) ticks = ticks + 1 until finished end),
      }
      assert.is_true(ticks > 1)
    end)
  end)

  describe("with an SVSM", function()
    local image = firmware.image { size = 2 * PAGE }
    local sections = { { gpa = 0, size = 0x2000, type = 1 },
      { gpa = 0x2000, size = 0x1000, type = 2 }, { gpa = 0x3000, size = 0x1000, type = 3 } }
    local svsm = firmware.image { size = 3 * PAGE, svsm_entry = 0x1234, sections = sections }

    local function asked(more)
      local o = options(image, { mode = "snp:svsm", vcpus = 2, svsm = file("svsm", svsm),
        vars_size = 5 * PAGE })
      for key, value in pairs(more or {}) do o[key] = value end
      return o
    end

    it("computes what the formats say", function()
      local gpa = (1 << 32) - 10 * PAGE
      local pages = firmware.image_pages(image)
      local below = firmware.image_pages(svsm, gpa)
      table.move(below, 1, #below, #pages + 1, pages)
      table.move({ { type = 3, gpa = 0 }, { type = 3, gpa = 0x1000 }, { type = 5, gpa = 0x2000 },
        { type = 6, gpa = 0x3000 } }, 1, 4, #pages + 1, pages)
      local vmsa = firmware.svsm_vmsa(gpa + 0x1234, SIG)
      local want = firmware.digest(firmware.add_cpus(pages, vmsa, vmsa, 2))
      assert.equal(want, assert(measure(asked())).digest)
      local vars = { vars_file = file("vars", ("v"):rep(5 * PAGE)) }
      local by_file = asked(vars)
      by_file.vars_size = nil
      assert.equal(want, assert(measure(by_file)).digest)
    end)

    it("refuses what is no SVSM, does not fit or has no whole pages", function()
      local function why(more)
        local m, e = measure(asked(more))
        assert.is_nil(m)
        return tostring(e)
      end
      assert.matches("/fw: the image has no SVSM info", why { svsm = file("fw", image) })
      assert.matches("vars_size must be a multiple of 4096", why { vars_size = 5 })
      assert.matches("do not fit below 4 GiB", why { vars_size = 1 << 32 })
      assert.matches("/odd: the SVSM has 12289 bytes", why { svsm = file("odd", "x" .. svsm) })
      assert.matches("only QEMU", why { vmm = "ec2" })
      local far = firmware.image { size = 2 * PAGE, svsm_entry = 2 * PAGE, sections = sections }
      assert.matches("/far: the SVSM's entry point %(offset 0x2000%) is outside",
        why { svsm = file("far", far) })
      assert.matches("/none: No such file", why { svsm = folder .. "/none" })
      assert.matches("/no%-vars", (function()
        local o = asked { vars_file = folder .. "/no-vars" }
        o.vars_size = nil
        return tostring(select(2, measure(o)))
      end)())
    end)
  end)

  describe("refuses firmware", function()
    local function image(o) return firmware.image(o) end

    it("without what SNP or SEV-ES begins with", function()
      assert.matches("no SEV%-ES reset block", refused(image { reset_eip = false }))
      assert.matches("no SEV%-ES reset block", refused(image { reset_eip = false },
        { mode = "seves" }))
      assert.matches("no SEV metadata", refused(image { metadata = false }))
      assert.matches("no SEV%-ES reset block", refused(("x"):rep(PAGE)))
      -- plain SEV needs none of it
      assert.truthy(measure(options(("x"):rep(PAGE), { mode = "sev" })))
    end)

    it("that would not measure the kernel", function()
      local kernel = { kernel = "/dev/null" }
      local sections = firmware.sections()
      table.remove(sections, 5)
      assert.matches("no KERNEL_HASHES section", refused(image { sections = sections }, kernel))
      assert.truthy(measure(options(image { sections = sections })))
      for _, mode in ipairs { "snp", "sev", "seves" } do
        kernel.mode = mode
        for _, hashes in ipairs { false, { 0, 0 }, { 0, 0x400 } } do
          local message, kind = refused(image { hashes = hashes }, kernel)
          assert.matches("/fw: a kernel is given, but the firmware does not measure", message)
          assert.equal("io", kind)
        end
        assert.matches("has 175 bytes; 176 are needed",
          refused(image { hashes = { 0x810c00, 0xaf } }, kernel))
      end
    end)

    it("whose kernel hashes would cross a page's end", function()
      local kernel = { kernel = "/dev/null" }
      assert.truthy(measure(options(image { hashes = { 0x810f50, 0xb0 } }, kernel)))
      assert.matches("crosses a page's end", refused(image { hashes = { 0x810f51, 0xb0 } }, kernel))
    end)

    it("of other than whole pages, but for SEV", function()
      local odd = "x" .. image()
      assert.matches("/fw: the firmware has 12289 bytes", refused(odd))
      assert.matches("12289 bytes", refused(odd, { mode = "snp:ovmf-hash" }))
      assert.equal(firmware.sha256(odd), assert(measure(options(odd, { mode = "sev" }))).digest)
    end)

    it("that is empty, or too large", function()
      assert.matches("/fw: the image is empty", refused("", { mode = "sev" }))
      local endless = host.endless(folder .. "/endless")
      assert.matches("more than 67108864 bytes", refused("", { ovmf = endless, mode = "sev" }))
    end)

    it("with sections that cannot be", function()
      local function with(section, more)
        local sections = firmware.sections()
        sections[#sections + 1] = section
        return refused(image { sections = sections }, more)
      end
      assert.matches("section 6 .* unknown type 0x5", with { gpa = 0, size = PAGE, type = 5 })
      assert.matches("unknown type 0xffffffff", with { gpa = 0, size = PAGE, type = 0xffffffff })
      assert.matches("unknown type 0x0", with { gpa = 0, size = PAGE, type = 0 })
      assert.matches("section 6 %(SEC_MEM%) is not of whole pages: 0x1001 bytes at 0x0",
        with { gpa = 0, size = PAGE + 1, type = 1 })
      assert.matches("not of whole pages", with { gpa = 0x123, size = PAGE, type = 2 })
      assert.matches("ends above 4 GiB", with { gpa = 0xfffff000, size = 2 * PAGE, type = 1 })
      assert.matches("ends above 4 GiB", with { gpa = 0x2000, size = 0xfffff000, type = 4 })
      assert.matches("%(KERNEL_HASHES%) must be one page",
        with({ gpa = 0, size = 2 * PAGE, type = 0x10 }, { kernel = "/dev/null" }))
    end)

    it("with sections of more pages than there is memory, at once", function()
      local sections = {}
      for i = 1, 200 do sections[i] = { gpa = 0, size = 0xfffff000, type = 1 } end
      assert.matches("cover more than 4 GiB", refused(image { sections = sections }))
    end)
  end)

  describe("refuses a footer table", function()
    local function why(o) return (refused(firmware.image(o))) end

    it("whose size is less than its footer, or more than the image", function()
      assert.matches("has 17 bytes, where 18 to", why { footer_size = 17 })
      assert.matches("has 0 bytes, where 18 to", why { footer_size = 0 })
      assert.matches("has 65535 bytes, where 18 to 12256 can be", why { footer_size = 65535 })
    end)

    it("with entries that do not fill it", function()
      for _, stray in ipairs { 1, 17 } do
        local whole = #firmware.entry(firmware.FOOTER, "")
        assert.matches(("has %d bytes left over"):format(stray), why { metadata = false,
          reset_eip = false, hashes = false, footer_size = whole + 22 + stray })
      end
    end)

    it("with an entry of no size, which would never end", function()
      local id = "4c2eb361-7d9b-4cc3-8081-127c90d3d294"
      for _, size in ipairs { 0, 1, 17 } do
        assert.matches(("an entry of the footer table has %d bytes"):format(size),
          why { more = firmware.entry(id, "", size) })
      end
      assert.matches("has 4096 bytes, where 18 to", why { more = firmware.entry(id, "", 4096) })
    end)

    it("with an entry that is too short, or there twice", function()
      assert.matches("entry for SEV%-ES reset block has 3 bytes, not 4",
        why { reset_eip = false, more = firmware.entry(firmware.RESET, "abc") })
      assert.matches("entry for kernel hashes has 7 bytes, not 8",
        why { hashes = false, more = firmware.entry(firmware.HASHES, "1234567") })
      for name, id in pairs { ["SEV%-ES reset block"] = firmware.RESET,
        ["kernel hashes"] = firmware.HASHES } do
        assert.matches("two entries for " .. name, why { more = firmware.entry(id, ("\1"):rep(8)) })
      end
    end)
  end)

  describe("refuses SEV metadata", function()
    local function why(o) return (refused(firmware.image(o))) end

    it("outside of the image", function()
      for _, offset in ipairs { 0, 15, 3 * PAGE + 1, 0xffffffff } do
        assert.matches(("%%(0x%x bytes before the end%%) is outside"):format(offset),
          why { metadata_offset = offset })
      end
    end)

    it("of another form", function()
      local sections = firmware.sections()
      assert.matches("does not begin with 'ASEV'", why { metadata_offset = 3 * PAGE })
      assert.matches("has version 2; 1 is known",
        why { metadata = firmware.metadata(sections, nil, 2) })
      for _, size in ipairs { 0, 15, 0xffffffff } do
        assert.matches(("size, %d bytes, does not fit"):format(size),
          why { metadata = firmware.metadata(sections, nil, 1, size) })
      end
    end)

    it("that counts more sections than it has", function()
      local sections = firmware.sections()
      for _, count in ipairs { 7, 0x15555556, 0xffffffff } do
        assert.matches(("no room for %d sections in 88 bytes"):format(count),
          why { metadata = firmware.metadata(sections, count) })
      end
    end)
  end)

  describe("reads firmware", function()
    it("and tells what it has", function()
      local image = firmware.image { svsm_entry = 0x10 }
      local found = assert(snp.ovmf_parse(image))
      assert.equal((1 << 32) - #image, found.gpa)
      assert.same({ 0x80b004, 0x810c00, 0x400, 0x10, 3 * PAGE },
        { found.reset_eip, found.hashes_gpa, found.hashes_size, found.svsm_entry, found.size })
      assert.equal(6, #found.sections)
      assert.same({ gpa = 0x810000, size = 0x1000, type = 0x10, name = "KERNEL_HASHES" },
        found.sections[5])
    end)

    it("shorter than any table", function()
      for size = 1, 100 do
        assert.same({ size = size, gpa = (1 << 32) - size }, snp.ovmf_parse(("x"):rep(size)))
      end
    end)

    it("cut or bent anywhere, without harm", function()
      local image = firmware.image { size = PAGE }
      local refusals = 0
      for at = PAGE - 400, PAGE - 33 do
        local byte = image:byte(at + 1)
        for _, bent in ipairs { byte ~ 1, byte ~ 0x80, 0xff } do
          local wrong = firmware.patched(image, at, string.char(bent))
          local found, message, kind = snp.ovmf_parse(wrong)
          if not found then
            refusals = refusals + 1
            assert.equal("io", kind)
            assert.is_string(message)
          end
        end
        snp.ovmf_parse(image:sub(at))
      end
      assert.is_true(refusals > 20)
    end)
  end)

  describe("refuses what cannot be meant:", function()
    local image = firmware.image()

    local function raised(more)
      local ok, message = pcall(measure, options(image, more))
      assert.is_false(ok)
      return message
    end

    it("names", function()
      assert.matches("unknown option 'ovmv' %(did you mean 'ovmf'%?%)", raised { ovmv = "x" })
      assert.matches("measure: mode must be one of 'snp'.*got 'snq'", raised { mode = "snq" })
      assert.matches("vmm must be QEMU, ec2 or gce, not 'vmware'", raised { vmm = "vmware" })
      assert.matches("did you mean 'EPYC%-Milan'", raised { vcpu_type = "EPYC-Millan" })
      assert.matches("ovmf is required", select(2, pcall(measure, { vcpus = 1 })))
    end)

    it("numbers and bytes", function()
      assert.matches("vcpus must be .* at most 4096", raised { vcpus = 4097 })
      assert.matches("vcpus must be 1 to 4096", refused(image, { vcpus = 0 }))
      assert.matches("vcpu_sig", raised { vcpu_sig = 1 << 32 })
      assert.matches("ovmf_hash must be 48 bytes", raised { ovmf_hash = "abc" })
      assert.matches("ovmf_hash must be 48 bytes", raised { ovmf_hash = ("g"):rep(96) })
      assert.matches("append must be a string without a NUL",
        raised { kernel = "/dev/null", append = "a\0b" })
      assert.matches("ovmf must be a path", raised { ovmf = "" })
    end)

    it("things that need others", function()
      assert.matches("initrd needs a kernel", raised { initrd = "/dev/null" })
      assert.matches("append needs a kernel", raised { append = "quiet" })
      assert.truthy(measure(options(image, { append = "" })))
      assert.matches("svsm is for mode snp:svsm only", raised { svsm = "x" })
      assert.matches("vars_size is for mode snp:svsm", raised { vars_size = 0 })
      assert.matches("svsm is required", raised { mode = "snp:svsm" })
      assert.matches("vars_size or vars_file is required", raised { mode = "snp:svsm", svsm = "x" })
      assert.matches("one of vars_size and vars_file",
        raised { mode = "snp:svsm", svsm = "x", vars_size = 0, vars_file = "x" })
      assert.matches("vcpus is required in mode snp", select(2, pcall(measure,
        { ovmf = "x", vcpu_type = "EPYC" })))
      local message, kind = refused(image, { ovmf_hash = ("0"):rep(96), mode = "sev" })
      assert.matches("ovmf_hash is for the mode snp only", message)
      assert.equal("invalid_argument", kind)
      assert.matches("no kernel is measured in this mode",
        refused(image, { mode = "snp:ovmf-hash", kernel = "/dev/null" }))
    end)

    it("CPUs", function()
      local function cpus(more)
        local o = options(image, more)
        o.vcpu_type = nil
        return o
      end
      local want = assert(measure(options(image))).digest
      assert.equal(want, assert(measure(cpus { vcpu_sig = SIG })).digest)
      assert.equal(want, assert(measure(cpus { vcpu_family = 23, vcpu_model = 1,
        vcpu_stepping = 2 })).digest)
      assert.matches("are needed together", select(2, pcall(measure, cpus { vcpu_family = 23 })))
      assert.matches("give one of vcpu_type", raised { vcpu_sig = SIG })
      assert.matches("vcpu_type, vcpu_sig", tostring(select(2, measure(cpus()))))
      assert.truthy(measure(cpus { vmm = "ec2" }))
    end)

    it("files", function()
      local missing = { kernel = folder .. "/none" }
      local message, kind = refused(image, missing)
      assert.equal("io", kind)
      assert.matches("/none: No such file", message)
      assert.matches("/none: No such file", refused(image, { ovmf = folder .. "/none" }))
      assert.matches("Is a directory", refused(image, { kernel = "/dev/null", initrd = folder }))
      assert.matches("Is a directory", refused(image, { ovmf = folder }))
      assert(os.execute(("mkfifo '%s/fifo'"):format(folder)))
      for path, what in pairs { ["/dev/zero"] = "a device", [folder .. "/fifo"] = "a FIFO" } do
        for _, files in ipairs { { kernel = path }, { ovmf = path },
          { kernel = "/dev/null", initrd = path },
          { mode = "snp:svsm", svsm = path, vars_size = 0 },
          { mode = "snp:svsm", svsm = "/dev/null", vars_file = path } } do
          assert.matches(("%s: it is %s, not a regular file"):format(path, what),
            refused(image, files), 1, true)
        end
      end
      local endless = host.endless(folder .. "/endless")
      for _ = 1, 20 do -- whichever of the two is read first
        assert.matches("Is a directory", refused(image, { kernel = folder, initrd = "/dev/null" }))
        assert.matches("Is a directory", refused(image, { kernel = "/dev/null", initrd = folder }))
        assert.matches("no KERNEL_HASHES", refused(firmware.image { metadata = false },
          { kernel = "/dev/null", initrd = endless }))
      end
    end)
  end)

  it("knows QEMU's CPU models", function()
    local signatures = { ["EPYC"] = 0x800f12, ["EPYC-v4"] = 0x800f12, ["EPYC-IBPB"] = 0x800f12,
      ["EPYC-Rome-v3"] = 0x830f10, ["EPYC-Milan-v2"] = 0xa00f11, ["EPYC-Genoa"] = 0xa10f10,
      ["EPYC-Turin"] = 0xb00f00 }
    local image = firmware.image()
    for name, signature in pairs(signatures) do
      assert.equal(signature, assert(measure(options(image, { vcpu_type = name }))).vcpu_sig, name)
    end
    assert.equal(0x00000f00 | 0x0ff00000 | 0xf0000 | 0xf0 | 0xf, snp.cpu_signature(270, 255, 15))
    assert.equal(0x6f1, snp.cpu_signature(6, 15, 1))
    assert.is_nil(snp.cpu_signature(271, 0, 0))
    assert.is_nil(snp.cpu_signature(23, 256, 0))
    assert.is_nil(snp.cpu_signature(23, 0, 16))
  end)
end)
