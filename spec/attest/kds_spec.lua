local err = require "kavach.err"
local host = require "support.host"
local kds = require "kavach.attest.kds"
local kds_server = require "support.kds_server"
local pem = require "kavach.attest.pem"
local platforms = require "support.platforms"
local request_of = require "kavach.attest.kds_request"
local snp = require "kavach.snp"

local NOW <const> = platforms.NOW

describe("the key server's certificates", function()
  if not kds_server.here() then
    pending "luv is not installed, which the server runs on"
    return
  end

  local folder, remove
  local by_product = {}

  setup(function()
    folder, remove = host.folder()
    for _, product in ipairs { "Milan", "Genoa", "Turin" } do
      by_product[product] = platforms.make(folder .. "/" .. product, { product = product })
    end
  end)
  teardown(function() remove() end)

  local caches = 0
  local function new_cache()
    caches = caches + 1
    return ("%s/cache%d"):format(folder, caches)
  end

  --- Fetches for an emulator; `more` are other options.
  local function fetch(server, platform, more)
    local o = {
      product = platform.product, chip_id = platform.chip_id, tcb = platform.tcb, now = NOW,
      server = server and server.url, cache_dir = more and more.cache_dir or new_cache(),
      timeout_ms = 20000, backoff_ms = 1,
    }
    for key, value in pairs(more or {}) do o[key] = value or nil end
    return kds.fetch(o)
  end

  local function ders(found)
    local out = {}
    for role, item in pairs(found) do out[role] = item.der end
    return out
  end

  local function sources(found)
    local out = {}
    for role, item in pairs(found) do out[role] = item.source end
    return out
  end

  local function fails(kind, pattern, found, why)
    assert.is_nil(found)
    assert.is_true(err.is(why, kind), tostring(why and why.kind) .. ": " .. tostring(why))
    assert.matches(pattern, why.message)
    return why
  end

  it("are had for Milan, Genoa and Turin, each by its chip id and TCB", function()
    for product, platform in pairs(by_product) do
      local server <close> = kds_server.start(kds_server.answers(platform))
      local found = assert(fetch(server, platform))
      local c = platform.certificates
      assert.same({ vcek = c.vcek, ask = c.ask, ark = c.ark }, ders(found), product)
      assert.same({ kds_server.vcek_path(platform), "/vcek/v1/" .. product .. "/cert_chain" },
        server:requests())
      for _, item in pairs(found) do assert.equal(item.der, host.slurp(item.path)) end
    end
  end)

  it("are asked for with all versions, in two digits or more, and FMC on Turin alone", function()
    local id = ("\xab"):rep(64)
    local tcb = { boot_loader = 3, tee = 0, snp = 10, microcode = 213 }
    assert.equal("http://h/vcek/v1/Milan/" .. ("ab"):rep(64)
      .. "?blSPL=03&teeSPL=00&snpSPL=10&ucodeSPL=213",
      request_of.vcek_url("http://h", { product = "Milan", chip_id = id, tcb = tcb }))
    tcb.fmc = 7
    assert.equal("http://h/vcek/v1/Turin/" .. ("ab"):rep(8)
      .. "?fmcSPL=07&blSPL=03&teeSPL=00&snpSPL=10&ucodeSPL=213",
      request_of.vcek_url("http://h", { product = "Turin", chip_id = id, tcb = tcb }))
  end)

  it("of a VLEK are its chain alone", function()
    local platform = by_product.Genoa
    local server <close> = kds_server.start(kds_server.answers(platform))
    local found = assert(fetch(server, platform, { vlek = true, crl = true }))
    local c = platform.certificates
    assert.same({ c.asvk, c.ark }, { found.asvk.der, found.ark.der })
    assert.is_true(snp.signed_by(found.crl.der, c.ark))
    assert.same({ asvk = "server", ark = "server", crl = "server" }, sources(found))
    assert.same({ "/vlek/v1/Genoa/cert_chain", "/vlek/v1/Genoa/crl" }, server:requests())
  end)

  it("come from the cache where it has them, without a request", function()
    local platform = by_product.Turin
    local server <close> = kds_server.start(kds_server.answers(platform))
    local cache_dir = new_cache()
    local first = assert(fetch(server, platform, { cache_dir = cache_dir, crl = true }))
    assert.same({ vcek = "server", ask = "server", ark = "server", crl = "server" },
      sources(first))
    local asked = #server:requests()
    local again = assert(fetch(server, platform, { cache_dir = cache_dir, crl = true }))
    assert.same(ders(first), ders(again))
    assert.same({ vcek = "cache", ask = "cache", ark = "cache", crl = "cache" }, sources(again))
    assert.equal(asked, #server:requests())
    again = assert(fetch(server, platform, { cache_dir = cache_dir, crl = true, offline = true }))
    assert.same(ders(first), ders(again))
  end)

  it("of one server are not taken for those of another", function()
    local platform = by_product.Milan
    local one <close> = kds_server.start(kds_server.answers(platform))
    local other <close> = kds_server.start(kds_server.answers(platform))
    local cache_dir = new_cache()
    assert(fetch(one, platform, { cache_dir = cache_dir }))
    assert(fetch(other, platform, { cache_dir = cache_dir }))
    assert.equal(2, #other:requests())
    fails("invalid_argument", "offline, and the cache has no VCEK",
      fetch(nil, platform, { cache_dir = cache_dir, offline = true }))
  end)

  it("are fetched again where the cache is damaged, and missed where it may not be", function()
    local platform = by_product.Milan
    local server <close> = kds_server.start(kds_server.answers(platform))
    local cache_dir = new_cache()
    local found = assert(fetch(server, platform, { cache_dir = cache_dir }))
    host.write(found.vcek.path, "damaged")
    fails("invalid_argument", "the cache has no VCEK that can be used %(.*is damaged%)",
      fetch(server, platform, { cache_dir = cache_dir, offline = true }))
    assert.same({ vcek = "server", ask = "cache", ark = "cache" },
      sources(assert(fetch(server, platform, { cache_dir = cache_dir }))))
    host.write(found.ark.path, "")
    fails("invalid_argument", "no chain of Milan that can be used",
      fetch(server, platform, { cache_dir = cache_dir, offline = true }))
    assert.same({ vcek = "cache", ask = "server", ark = "server" },
      sources(assert(fetch(server, platform, { cache_dir = cache_dir }))))
  end)

  it("are given even if they cannot be kept, and that is told", function()
    local platform = by_product.Milan
    local server <close> = kds_server.start(kds_server.answers(platform))
    host.write(folder .. "/file", "")
    local told = {}
    local found = assert(fetch(server, platform, { cache_dir = folder .. "/file/certs",
      crl = true, on_unkept = function(what, why) told[#told + 1] = what .. ": " .. why.kind end }))
    assert.equal(platform.certificates.vcek, found.vcek.der)
    assert.is_nil(found.vcek.path)
    assert.same({ "VCEK: io", "ARK of Milan: io", "ASK of Milan: io",
      "revocation list of Milan: io" }, told)
  end)

  it("never touch the network offline", function()
    local platform = by_product.Genoa
    local server <close> = kds_server.start(kds_server.answers(platform))
    for _, more in ipairs { {}, { vlek = true }, { chip_id = false, tcb = false },
      { chip_id = false, tcb = false, crl = true } } do
      more.offline = true
      fails("invalid_argument", "^offline, and the cache has no ", fetch(server, platform, more))
    end
    assert.same({}, server:requests())
  end)

  it("wait as long as a busy server asks, and tell it", function()
    local platform = by_product.Milan
    local answers = kds_server.answers(platform)
    local path = kds_server.vcek_path(platform)
    local server <close> = kds_server.start(answers, { [path] = {
      { status = 429, headers = { "Retry-After: 1" } }, { status = 503 }, answers[path][1] } })
    local told = {}
    assert(fetch(server, platform, { on_wait = function(url, status, ms)
      assert.equal(server.url .. path, url)
      told[#told + 1] = { status, ms >= 1000 }
    end }))
    assert.same({ { 429, true }, { 503, false } }, told)
    local busy <close> = kds_server.start { ["*"] = { { status = 429,
      headers = { "Retry-After: 60" } } } }
    local why = fails("timeout", "answers 429 and asks to wait for 60 s", fetch(busy, platform))
    assert.same({ 429, "certs.fetch" }, { why.status, why.op })
  end)

  it("that the server does not have are named", function()
    local platform = by_product.Milan
    local server <close> = kds_server.start {}
    local why = fails("io", "the key server knows no VCEK", fetch(server, platform))
    assert.equal(404, why.status)
    fails("io", "the key server knows no chain of Milan",
      fetch(server, platform, { chip_id = false, tcb = false }))
  end)

  -- ---- what is not what was asked for --------------------------------------------------------

  --- Puts another body in place of the VCEK; nothing may be kept of it.
  local function refused(pattern, body, platform)
    platform = platform or by_product.Milan
    local server <close> = kds_server.start(kds_server.answers(platform),
      { [kds_server.vcek_path(platform)] = { { body = body } } })
    local cache_dir = new_cache()
    local why = fails("attestation_failed", pattern,
      fetch(server, platform, { cache_dir = cache_dir }))
    assert.matches("what came is not the VCEK asked for", why.message)
    assert.is_nil(host.slurp(cache_dir .. "/index"))
    assert.is_nil(require "lfs".attributes(cache_dir))
  end

  it("for another chip, TCB or product are refused, and not kept", function()
    local milan = by_product.Milan
    local function other(options)
      options.tcb = options.tcb or milan.tcb
      return platforms.make(("%s/other%d"):format(folder, #options.name), {
        product = "milan", chip_id = options.chip_id or milan.chip_id, tcb = options.tcb,
      }).certificates.vcek
    end
    refused("for hardware id abab", other { name = "a", chip_id = ("\xab"):rep(64) })
    refused("for microcode 218, not 219", other { name = "bb", tcb = { boot_loader = 4, tee = 0,
      snp = 24, microcode = 218 } })
    refused("for boot_loader 5, not 4", other { name = "ccc", tcb = { boot_loader = 5, tee = 0,
      snp = 24, microcode = 219 } })
    refused("by 'SEV%-Genoa', not by 'SEV%-Milan'", by_product.Genoa.certificates.vcek)
    refused("of 'SEV%-VLEK', not of 'SEV%-VCEK'", milan.certificates.vlek)
    refused("of 'ARK%-Milan', not of 'SEV%-VCEK'", milan.certificates.ark)
    refused("fmc", platforms.make(folder .. "/fmc", { product = "turin",
      chip_id = by_product.Turin.chip_id:sub(1, 8), tcb = { fmc = 9, boot_loader = 1, tee = 1,
        snp = 4, microcode = 81 } }).certificates.vcek, by_product.Turin)
  end)

  it("that are junk are refused, and not kept", function()
    local vcek = by_product.Milan.certificates.vcek
    for _, body in ipairs { "", "junk", "<html>busy</html>", vcek:sub(1, -2), vcek .. "\0",
      pem.encode(vcek), ("\x30\x84\xff\xff\xff\xff"):rep(100), ("\0"):rep(1 << 20) } do
      refused("VCEK asked for: .", body)
    end
  end)

  it("that their chain did not sign are refused", function()
    local milan = by_product.Milan
    local keys = {}
    for role, key in pairs(platforms.authority_keys()) do keys[role] = key end
    keys.ask = keys.asvk -- another ASK under the same name
    local other = platforms.make(folder .. "/asks", { keys = keys, chip_id = milan.chip_id })
    local server <close> = kds_server.start(kds_server.answers(milan),
      { [kds_server.vcek_path(milan)] = { { body = other.certificates.vcek } } })
    fails("attestation_failed", "its ASK did not sign it", fetch(server, milan))
  end)

  it("are fetched again where AMD issued an ASK anew", function()
    local milan = by_product.Milan
    local keys = {}
    for role, key in pairs(platforms.authority_keys()) do keys[role] = key end
    keys.ask = keys.asvk
    local other = platforms.make(folder .. "/anew", { keys = keys, chip_id = milan.chip_id })
    local old, new = kds_server.answers(milan), kds_server.answers(other)
    local function both(path) return { old[path][1], new[path][1] } end
    local vcek, chain = kds_server.vcek_path(milan), "/vcek/v1/Milan/cert_chain"
    local server <close> = kds_server.start { [vcek] = both(vcek), [chain] = both(chain) }
    local cache_dir = new_cache()
    local whole = { cache_dir = cache_dir }
    assert.equal(milan.certificates.ask, assert(fetch(server, milan, whole)).ask.der)
    -- The cache loses its chain, so that it has only the VCEK by the old ASK.
    for _, name in ipairs { "ask", "ark" } do
      for file in require "lfs".dir(cache_dir .. "/index") do
        if file:find("^" .. name .. "%-") then os.remove(cache_dir .. "/index/" .. file) end
      end
    end
    local found = assert(fetch(server, milan, whole))
    assert.same({ other.certificates.vcek, other.certificates.ask },
      { found.vcek.der, found.ask.der })
  end)

  it("whose chain is wrong in any way are refused", function()
    local c, genoa = by_product.Milan.certificates, by_product.Genoa.certificates
    local text = pem.encode
    for pattern, body in pairs {
      ["1 certificates, not 2"] = text(c.ask), ["3 certificates, not 2"] = text(c.ask):rep(3),
      ["of 'SEV%-Milan', not of 'ARK%-Milan'"] = text(c.ark) .. text(c.ask),
      ["of 'SEV%-VLEK%-Milan', not of 'SEV%-Milan'"] = text(c.asvk) .. text(c.ark),
      ["of 'ARK%-Genoa', not of 'ARK%-Milan'"] = text(genoa.ask) .. text(genoa.ark),
      ["not PEM, but DER"] = c.ask, ["asked for: ."] = "junk", ["asked for: .+"] = "",
    } do
      local server <close> =
        kds_server.start { ["/vcek/v1/Milan/cert_chain"] = { { body = body } } }
      fails("attestation_failed", pattern,
        fetch(server, by_product.Milan, { chip_id = false, tcb = false }))
    end
  end)

  it("that have expired are refused, and fetched again if the cache has them", function()
    local platform = by_product.Milan
    local server <close> = kds_server.start(kds_server.answers(platform))
    local late = platforms.BEGINNING + 8 * 365 * 24 * 3600
    local cache_dir = new_cache()
    assert(fetch(server, platform, { cache_dir = cache_dir }))
    fails("attestation_failed", "it has expired",
      fetch(server, platform, { cache_dir = cache_dir, now = late }))
    assert.equal(3, #server:requests())
    fails("invalid_argument", "no VCEK that can be used %(it has expired%)",
      fetch(server, platform, { cache_dir = cache_dir, now = late, offline = true }))
  end)

  -- ---- revocation lists ----------------------------------------------------------------------

  it("come with a revocation list that holds now, which is fetched again when it is over",
    function()
      local platform = by_product.Genoa
      local function list(from)
        return (assert(platform:crl { this_update = from, next_update = from + 10 }))
      end
      local first, second = list(NOW), list(NOW + 11)
      local server <close> = kds_server.start(kds_server.answers(platform),
        { ["/vcek/v1/Genoa/crl"] = { { body = first }, { body = second } } })
      local cache_dir = new_cache()
      local function at(now)
        return fetch(server, platform, { cache_dir = cache_dir, crl = true, now = now,
          chip_id = false, tcb = false })
      end
      assert.equal(first, assert(at(NOW)).crl.der)
      assert.equal("cache", assert(at(NOW + 10)).crl.source)
      fails("attestation_failed", "its thisUpdate, 2025%-06%-27T04:53:31Z, is yet to come",
        kds.fetch { product = "genoa", server = server.url, cache_dir = new_cache(), crl = true,
          now = NOW })
      assert.equal(second, assert(at(NOW + 11)).crl.der)
      fails("attestation_failed", "its nextUpdate, .* is over", at(NOW + 1000))
    end)

  it("take no revocation list of another, or junk", function()
    local milan, genoa = by_product.Milan, by_product.Genoa
    local forged = assert(snp.emulate_crl { ark = milan.certificates.ark, revoked = {}, number = 1,
      key = platforms.authority_keys().ask, this_update = NOW, next_update = NOW + 10 })
    for body, pattern in pairs {
      [genoa:crl()] = "by 'ARK%-Genoa', not by 'ARK%-Milan'", junk = "asked for: .",
      [""] = "asked for: .", [milan.certificates.ark] = "asked for: .",
      [forged] = "its ARK did not sign it",
    } do
      local server <close> = kds_server.start(kds_server.answers(milan),
        { ["/vcek/v1/Milan/crl"] = { { body = body } } })
      fails("attestation_failed", pattern, fetch(server, milan, { crl = true }))
    end
  end)

  -- ---- requests ------------------------------------------------------------------------------

  it("are not asked for with a chip id that cannot be one", function()
    local milan, turin = by_product.Milan, by_product.Turin
    fails("invalid_argument", "masked", fetch(nil, milan, { chip_id = ("\0"):rep(64) }))
    fails("invalid_argument", "is 64 bytes, not 8", fetch(nil, milan, { chip_id = "12345678" }))
    fails("invalid_argument", "8 or 64 bytes, not 9", fetch(nil, turin, { chip_id = "123456789" }))
    fails("invalid_argument", "zeros after", fetch(nil, turin, { chip_id = ("x"):rep(64) }))
  end)

  it("are asked for by what a report says", function()
    for product, platform in pairs(by_product) do
      for version = 2, 5 do
        local report = assert(platform:report { report_data = ("n"):rep(64), version = version })
        local request, why = request_of.request_of(report.report, version == 2 and product or nil)
        assert.is_nil(why)
        assert.same({ product = product, chip_id = platform.chip_id, tcb = platform.tcb }, request)
      end
    end
    local milan = by_product.Milan
    local function of(options, product)
      options.report_data = ("n"):rep(64)
      return request_of.request_of(assert(milan:report(options)).report, product)
    end
    assert.same({ product = "Milan", vlek = true }, of { key = "vlek" })
    fails("invalid_argument", "does not tell its product", of { version = 2 })
    fails("invalid_argument", "is of Milan, not of Genoa", of({}, "Genoa"))
    fails("invalid_argument", "not signed", of { key = "none" })
    fails("invalid_argument", "masked", of { chip_id = ("\0"):rep(64) })
    local bergamo = of { cpuid_mod_id = 0xa0, cpuid_step = 2 }
    assert.equal("Genoa", bergamo.product)
    fails("invalid_argument", ".", request_of.request_of("short"))
  end)

  it("come from http(s)://HOST[:PORT][/PATH], or it is an error", function()
    for url, want in pairs { ["http://127.0.0.1:1/"] = "http://127.0.0.1:1",
      ["https://mirror.example/kds//"] = "https://mirror.example/kds",
      ["https://[::1]:8"] = "https://[::1]:8" } do
      assert.equal(want, request_of.server(url))
    end
    for _, url in ipairs { "", "x", "ftp://x", "file:///etc", "http://", "https://a@b/",
      "https://x/?q", "https://x/#f", "https://x y", "https://x\n" } do
      assert.is_nil((request_of.server(url)), url)
      assert.error_matches(function() kds.fetch { product = "milan", server = url } end, "server")
    end
  end)
end)
