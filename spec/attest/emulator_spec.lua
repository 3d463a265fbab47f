local core = require "kavach.core"
local emulator = require "kavach.attest.emulator"
local err = require "kavach.err"
local evidence_of = require "kavach.attest.evidence"
local firmware = require "support.firmware"
local host = require "support.host"
local kavach = require "kavach"
local lfs = require "lfs"
local platforms = require "support.platforms"
local snp = require "kavach.snp"
local trust = require "kavach.attest.trust"

local NONCE <const> = ("\x5a"):rep(64)
local PRODUCTS <const> = { "Milan", "Genoa", "Turin" }

describe("the platform emulator", function()
  local folder, remove
  local by_product = {}

  setup(function()
    folder, remove = host.folder()
    for _, product in ipairs(PRODUCTS) do
      by_product[product] = platforms.make(folder .. "/" .. product, { product = product:lower() })
    end
  end)
  teardown(function() remove() end)

  --- What a verifier that trusts this emulator says of a bundle.
  local function verify(platform, made, crl)
    local t = assert(trust.new { emulator = platform, crls = { crl } })
    return assert(t.verifier:verify {
      report = made.report, certificates = made.certificates, now = platforms.NOW,
    })
  end

  local function bundle_of(platform, options)
    options.report_data = options.report_data or NONCE
    return assert(evidence_of.parse(assert(platform:evidence(options))))
  end

  local function failures(result)
    local list = {}
    for _, c in ipairs(result.checks) do
      if c.status == "fail" and c.stage ~= "policy" then list[#list + 1] = c.id end
    end
    return list
  end

  -- ---- making one ----------------------------------------------------------------------------

  it("signs genuine reports of every version, for every product, by VCEK and VLEK", function()
    for _, product in ipairs(PRODUCTS) do
      for _, key in ipairs { "vcek", "vlek" } do
        for version = 2, 5 do
          local platform = by_product[product]
          local made = bundle_of(platform, { version = version, key = key })
          local result = verify(platform, made)
          local what = ("%s v%d %s"):format(product, version, key)
          assert.same({}, failures(result), what)
          assert.same({ true, product, key, version, "given" }, { result.genuine, result.product,
            result.signed_by, result.report_version, result.root }, what)
        end
      end
    end
  end)

  it("has made what nobody else believes", function()
    local platform = by_product.Milan
    local made = bundle_of(platform, {})
    local result = trust.default().verifier:verify {
      report = made.report, certificates = made.certificates, now = platforms.NOW,
    }
    assert.is_false(result.genuine)
    assert.same({ "ark.trusted" }, failures(result))
    local keys = platforms.authority_keys()
    local other = platforms.make(folder .. "/other", { keys = { ark = keys.ask, ask = keys.ark,
      asvk = keys.asvk } })
    assert.same({ "ark.trusted" }, failures(verify(other, made)))
    local t, why = trust.new { roots = { platform.certificates.ark } }
    assert.is_nil(t)
    assert.matches("platform emulator's", why.message)
  end)

  it("says in every certificate that it is simulated", function()
    for _, platform in pairs(by_product) do
      for role, der in pairs(platform.certificates) do
        assert.is_true(snp.is_simulated(der), role)
        assert.is_truthy(der:find("kavach platform emulator (simulated)", 1, true))
        assert.is_truthy(der:find("simulated: not AMD hardware", 1, true))
        assert.is_nil(der:find("Advanced Micro Devices", 1, true))
      end
    end
  end)

  it("gives certificates AMD's names, lifetimes and extensions", function()
    local YEAR <const> = 365 * 24 * 3600
    for product, platform in pairs(by_product) do
      local function parsed(role)
        return assert(snp.certificate_parse(platform.certificates[role]))
      end
      for role, want in pairs {
        ark = { "ARK-%s", "ARK-%s", 25 }, ask = { "SEV-%s", "ARK-%s", 25 },
        asvk = { "SEV-VLEK-%s", "ARK-%s", 25 }, vcek = { "SEV-VCEK", "SEV-%s", 7 },
        vlek = { "SEV-VLEK", "SEV-VLEK-%s", 1 },
      } do
        local c = parsed(role)
        assert.is_nil(c.problem)
        assert.same({ want[1]:format(product), want[2]:format(product), true },
          { c.subject_cn, c.issuer_cn, c.pss_sha384 })
        assert.equal(platforms.BEGINNING, c.not_before)
        assert.is_true(math.abs(c.not_after - c.not_before - want[3] * YEAR) < 8 * 24 * 3600)
      end
      local vcek, vlek = parsed "vcek", parsed "vlek"
      assert.same(platform.tcb, vcek.tcb)
      assert.same(platform.tcb, vlek.tcb)
      local size = product == "Turin" and 8 or 64
      assert.equal(platform.chip_id:sub(1, size), vcek.hwid)
      assert.equal(("\0"):rep(64 - size), platform.chip_id:sub(size + 1))
      assert.equal(product == "Milan" and "Milan-B0" or product, vcek.product_name)
      assert.same({ product, "CN=simulated.invalid" }, { vlek.product_name, vlek.csp_id })
    end
  end)

  it("appears whole, for its owner alone, and is what is opened", function()
    local dir = folder .. "/deep/down/one/"
    local made = platforms.make(dir, { chip_id = ("c"):rep(64), csp_id = "CN=here",
      tcb = { boot_loader = 1, tee = 2, snp = 3, microcode = 200 } })
    assert.equal("rwx------", lfs.attributes(dir, "permissions"))
    local count = 0
    for name in lfs.dir(dir) do
      if name:sub(1, 1) ~= "." then
        count = count + 1
        assert.equal("rw-------", lfs.attributes(dir .. name, "permissions"))
      end
    end
    assert.equal(11, count)
    for name in lfs.dir(folder .. "/deep/down") do
      assert.is_true(name == "one" or name:find "^%.+$" ~= nil, name)
    end
    local opened = assert(emulator.open(dir))
    for _, field in ipairs { "product", "chip_id", "csp_id", "tcb", "not_before", "certificates",
      "keys", "simulated" } do
      assert.same(made[field], opened[field], field)
    end
    assert.is_true(verify(opened, bundle_of(emulator(dir), {})).genuine)
  end)

  it("may be made in a directory that is empty, which then is its owner's alone", function()
    local dir = folder .. "/empty"
    assert(lfs.mkdir(dir))
    platforms.make(dir)
    assert.equal("rwx------", lfs.attributes(dir, "permissions"))
  end)

  it("is not written over, nor over anything else", function()
    local function refused(pattern, dir)
      local made, why = emulator.init { dir = dir, keys = platforms.authority_keys() }
      assert.is_nil(made)
      assert.is_true(err.is(why, "invalid_argument") or err.is(why, "io"))
      assert.matches(pattern, why.message)
    end
    local dir = folder .. "/Milan"
    local before = host.slurp(dir .. "/ark.key")
    refused("has an emulator already: .* new or empty", dir)
    assert.equal(before, host.slurp(dir .. "/ark.key"))
    assert(lfs.mkdir(folder .. "/full"))
    host.write(folder .. "/full/x", "")
    refused("is not empty", folder .. "/full")
    refused("no directory", host.write(folder .. "/file", ""))
    refused("/file", folder .. "/file/x")
    assert(lfs.link(folder .. "/nowhere", folder .. "/link", true))
    refused("no directory", folder .. "/link")
  end)

  it("made twice at once is one or the other", function()
    local dir = folder .. "/race"
    local results = kavach.map({ 1, 2 }, nil, function()
      local made, why = emulator.init { dir = dir, keys = platforms.authority_keys() }
      return made or why
    end)
    local opened = assert(emulator.open(dir))
    local made = err.is(results[1]) and results[2] or results[1]
    assert.same(made.keys, opened.keys)
    assert.is_true(err.is(results[1]) or err.is(results[2]))
  end)

  it("does not open if anything in it is missing or not its own", function()
    local dir = folder .. "/broken"
    local made = platforms.make(dir)
    local function broken(name, text, pattern)
      local path = dir .. "/" .. name
      local before = host.slurp(path)
      if text then host.write(path, text) else os.remove(path) end
      local opened, why = emulator.open(dir)
      assert.is_nil(opened, name)
      assert.is_true(err.is(why))
      assert.matches(name:gsub("%p", "%%%0") .. ".*" .. pattern, why.message)
      host.write(path, before)
    end
    for _, role in ipairs { "ark", "ask", "asvk", "vcek", "vlek" } do
      broken(role .. ".key", nil, "")
      broken(role .. ".key", "junk", "no private key in PEM")
      broken(role .. ".pem", nil, "")
      broken(role .. ".pem", "junk", "")
    end
    broken("vcek.key", made.keys.vlek, "not its certificate's")
    broken("ask.key", made.keys.ark, "not its certificate's")
    broken("ask.key", made.keys.vcek, "not RSA%-4096")
    local pem = require "kavach.attest.pem"
    broken("ask.pem", pem.encode(made.certificates.asvk), "not one certificate of an ASK")
    broken("ark.pem", pem.encode(made.certificates.ark):rep(2), "not one certificate of an ARK")
    broken("emulator.json", nil, "")
    local manifest = host.slurp(dir .. "/emulator.json")
    local function changed(from, to, pattern)
      local text, count = manifest:gsub(from, to)
      assert.equal(1, count, from)
      broken("emulator.json", text, pattern)
    end
    broken("emulator.json", "[]", "not an emulator's manifest")
    broken("emulator.json", "{", "")
    broken("emulator.json", ("x"):rep(70000), "more than 65536 bytes")
    changed('"version":1', '"version":2', "another version")
    changed('"simulated":true', '"simulated":1', "does not say that it is simulated")
    changed('"Milan"', '"milan"', "no known product")
    changed('"Milan"', '"Turin"', "'fmc' is missing")
    changed('"microcode":219', '"microcode":300', "microcode")
    changed('"chip_id":"%x%x', '"chip_id":"', "no chip_id")
    changed('"not_before":%d+', '"not_before":"x"', "lacks")
    assert.is_truthy(emulator.open(dir))
    assert.is_nil((emulator.open(folder .. "/none")))
    assert.error_matches(function() emulator.open() end, "a directory is needed")
  end)

  it("names the option that is misused", function()
    local function raises(pattern, options)
      options.dir = options.dir or folder .. "/never"
      assert.error_matches(function() emulator.init(options) end, pattern)
      assert.is_nil(lfs.attributes(folder .. "/never"))
    end
    raises("product must be milan, genoa or turin", { product = "rome" })
    raises("chip_id: 64 bytes on Milan, not 8", { chip_id = "12345678" })
    raises("chip_id: 8 bytes on Turin, not 64", { product = "turin", chip_id = ("x"):rep(64) })
    raises("chip_id: all zero", { chip_id = ("\0"):rep(64) })
    raises("tcb: 'tee' is missing", { tcb = { boot_loader = 1 } })
    raises("tcb: Milan has no 'fmc'", { tcb = { boot_loader = 1, tee = 0, snp = 0, microcode = 0,
      fmc = 1 } })
    raises("tcb: snp must be an integer", { tcb = { boot_loader = 1, tee = 0, snp = 256,
      microcode = 0 } })
    raises("csp_id must be 1 to 127", { csp_id = "" })
    raises("csp_id must be 1 to 127", { csp_id = "\195\164" })
    raises("keys must be PEM by role", { keys = { root = "x" } })
    raises("not_before", { not_before = -1 })
    raises("unknown option 'chipid' %(did you mean 'chip_id'", { chipid = "" })
    assert.error_matches(function() emulator.init {} end, "dir is required")
    local made, why = emulator.init { dir = folder .. "/never", keys = { ark = "x", ask = "x",
      asvk = "x" } }
    assert.is_nil(made)
    assert.matches("ARK: no private key in PEM", why.message)
    assert.is_nil(lfs.attributes(folder .. "/never"))
  end)

  -- ---- reports -------------------------------------------------------------------------------

  it("writes what it is told into a report", function()
    local platform = by_product.Genoa
    local options = {
      report_data = ("r"):rep(64), measurement = ("m"):rep(48), host_data = ("h"):rep(32),
      id_key_digest = ("i"):rep(48), author_key_digest = ("a"):rep(48), family_id = ("f"):rep(16),
      image_id = ("g"):rep(16), policy = 0xb0000, guest_svn = 7, vmpl = 2,
      platform_info = math.mininteger | 1, report_id = ("d"):rep(32), version = 5,
      launch_mit_vector = 3, current_mit_vector = -1,
    }
    local made = bundle_of(platform, options)
    local fields = assert(snp.report_parse(made.report))
    for name, value in pairs(options) do assert.equal(value, fields[name], name) end
    assert.equal(1, fields.key_info & 1)
    assert.same({ options.report_data, true, nil }, { made.nonce, made.simulated, made.product })
    assert.matches("simulated", made.made_by)
    assert.is_true(verify(platform, made).genuine)
  end)

  it("measures a launch, as kavach.measure does", function()
    local fw = host.write(folder .. "/fw", firmware.image())
    local kernel = host.write(folder .. "/kernel", "a kernel")
    local launch = { ovmf = fw, kernel = kernel, append = "quiet", vcpus = 3,
      vcpu_type = "EPYC-v4" }
    local want = assert(kavach.measure(launch)).digest
    local made = bundle_of(by_product.Milan, { measure = launch })
    assert.equal(want, snp.report_parse(made.report).measurement)
    assert.is_true(verify(by_product.Milan, made).genuine)
    local zeros = bundle_of(by_product.Milan, {})
    assert.equal(("\0"):rep(48), snp.report_parse(zeros.report).measurement)
    launch.ovmf = folder .. "/none"
    local nothing, why = by_product.Milan:report { report_data = NONCE, measure = launch }
    assert.is_nil(nothing)
    assert.matches("/none: No such file", why.message)
  end)

  it("has a key and a certificate of its own for each TCB, made off the loop", function()
    for product, platform in pairs(by_product) do
      local tcb = {}
      for part in pairs(platform.tcb) do tcb[part] = 200 end
      local began = 0
      local work = core.work
      core.work = function(...) -- luacheck: ignore 122
        began = began + 1
        return work(...)
      end
      local made = bundle_of(platform, { tcb = tcb })
      core.work = work -- luacheck: ignore 122
      assert.equal(1, began)
      local result = verify(platform, made)
      assert.same({}, failures(result), product)
      local c = assert(snp.certificate_parse(made.certificates[1].der))
      assert.same(tcb, c.tcb)
      assert.not_equal(platform.certificates.vcek, made.certificates[1].der)
    end
  end)

  it("tells a reported TCB that is not its certificate's", function()
    local platform = by_product.Milan
    local result = verify(platform, bundle_of(platform, {
      reported_tcb = snp.tcb_write("Milan", { boot_loader = 4, tee = 0, snp = 24, microcode = 7 }),
    }))
    assert.same({ "bind.tcb_microcode" }, failures(result))
  end)

  it("leaves the signature out where no key signs, or the key is masked", function()
    local platform = by_product.Turin
    for _, options in ipairs { { key = "none" }, { key_info = 2 } } do
      local made = bundle_of(platform, options)
      assert.equal(("\0"):rep(512), made.report:sub(0x2a1))
      local result = verify(platform, made)
      assert.is_false(result.genuine)
    end
    assert.equal(1, #bundle_of(platform, { key = "none" }).certificates)
  end)

  it("names the field that is misused", function()
    local platform = by_product.Milan
    local function raises(pattern, options)
      options.report_data = options.report_data or NONCE
      assert.error_matches(function() platform:report(options) end, pattern)
    end
    assert.error_matches(function() platform:report {} end, "report: report_data is required")
    raises("report_data must be 64 bytes, not 3", { report_data = "abc" })
    raises("measurement must be 48 bytes", { measurement = "x" })
    raises("version must be an integer, at least 2 and at most 5", { version = 6 })
    raises("vmpl: 4294967296 does not fit in 32 bits", { vmpl = 1 << 32 })
    raises("guest_svn: %-1 does not fit", { guest_svn = -1 })
    raises("current_mit_vector: only reports from version 5", { current_mit_vector = 1 })
    raises("cpuid_fam_id: only reports from version 3", { cpuid_fam_id = 1, version = 2 })
    raises("unknown option 'signature_r'", { signature_r = ("x"):rep(72) })
    raises("unknown option 'hostdata' %(did you mean 'host_data'", { hostdata = "" })
    raises("key must be one of", { key = "ark" })
    raises("tcb: 'boot_loader' is missing", { tcb = {} })
    raises("give one of measurement and measure", { measurement = ("x"):rep(48), measure = {} })
    raises("measure: ovmf is required", { measure = {} })
    raises("measure: mode sev gives no launch digest", { measure = { ovmf = "x", mode = "sev" } })
  end)

  -- ---- revocation lists ----------------------------------------------------------------------

  it("revokes its own ASK and ASVK", function()
    local platform = by_product.Genoa
    local vcek, vlek = bundle_of(platform, {}), bundle_of(platform, { key = "vlek" })
    for _, case in ipairs { { {}, true, true }, { { "ask" }, false, true },
      { { "asvk" }, true, false }, { { "ask", "asvk" }, false, false } } do
      local crl = assert(platform:crl { revoked = case[1], number = 3 })
      assert.same({ case[2], case[3] },
        { verify(platform, vcek, crl).genuine, verify(platform, vlek, crl).genuine })
    end
    local stale = assert(platform:crl { this_update = platforms.BEGINNING,
      next_update = platforms.BEGINNING + 1 })
    assert.same({ "crl.validity" }, failures(verify(platform, vcek, stale)))
    local none, why = platform:crl { this_update = 10, next_update = 9 }
    assert.is_nil(none)
    assert.matches("would end before it begins", why.message)
    assert.error_matches(function() platform:crl { revoked = { "vcek" } } end, "revoked%[1%]")
  end)
end)
