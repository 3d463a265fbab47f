local certificates = require "support.certificates"
local snp = require "kavach.snp"

local NOW <const> = 1800000000
local sequence, extension = certificates.sequence, certificates.extension

local have = certificates.setup()
local spki, good, root = {}, {}, nil

--- A certificate as it should be, but for the changes.
local function make(role, changes)
  local o = ({
    vcek = { subject = "SEV-VCEK", issuer = "SEV-Milan", signer = "ask", spki = spki.vek },
    vlek = { subject = "SEV-VLEK", issuer = "SEV-VLEK-Milan", signer = "ask", spki = spki.vek },
    ask = { subject = "SEV-Milan", issuer = "ARK-Milan", signer = "ark", spki = spki.ask },
    asvk = { subject = "SEV-VLEK-Milan", issuer = "ARK-Milan", signer = "ark", spki = spki.ask },
    ark = { subject = "ARK-Milan", issuer = "ARK-Milan", signer = "ark", spki = spki.ark },
  })[role]
  if role == "vcek" then o.extensions = certificates.vcek_extensions()
  elseif role == "vlek" then
    o.extensions = certificates.vcek_extensions { ["4"] = false, ["5"] = "\x16\4CN=x" }
  else o.extensions = certificates.authority() end
  for key, value in pairs(changes or {}) do o[key] = value end
  return certificates.certificate(o)
end

local function verifier(options)
  options = options or {}
  options.roots, options.now = options.roots or { root }, options.now or NOW
  return assert(snp.verifier(options))
end

--- The chain of the good ones, some of them replaced (or left out, if false).
local function chain(changes)
  local list = {}
  for _, role in ipairs { "vcek", "ask", "ark" } do
    local bytes = good[role]
    if changes and changes[role] ~= nil then bytes = changes[role] end
    if bytes then list[#list + 1] = { role = role, der = bytes } end
  end
  return list
end

local function verify(changes, more)
  local evidence = { report = good.report, certificates = chain(changes) }
  for key, value in pairs(more or {}) do evidence[key] = value end
  return assert(verifier():verify(evidence))
end

local function check(result, id)
  for _, c in ipairs(result.checks) do if c.id == id then return c end end
  error("no check " .. id)
end

--- It must not be genuine, and these must have failed (and nothing else, if `only`).
local function fails(result, ...)
  assert.is_false(result.genuine)
  local failed = {}
  for _, c in ipairs(result.checks) do
    if c.status == "fail" and c.stage ~= "policy" then failed[#failed + 1] = c.id end
  end
  assert.same({ ... }, failed)
  return check(result, (...))
end

describe("a verifier", function()
  if not have then
    pending "there is no openssl to make certificates with"
    return
  end

  setup(function()
    spki.ark, spki.ask = certificates.key("ark", certificates.RSA),
      certificates.key("ask", certificates.RSA)
    spki.vek = certificates.key("vek", certificates.P384)
    for _, role in ipairs { "vcek", "ask", "ark", "vlek", "asvk" } do good[role] = make(role) end
    root, good.report = good.ark, certificates.report "vek"
  end)

  teardown(certificates.teardown)

  it("accepts a chain to a root that it was given, and to none other", function()
    local result = verify()
    assert.same({ true, "Milan", "vcek", "given", 2 }, { result.genuine, result.product,
      result.signed_by, result.root, result.report_version })
    result = assert(snp.verifier { now = NOW }:verify {
      report = good.report, certificates = chain(),
    })
    fails(result, "ark.trusted")
    assert.is_nil(result.root)
  end)

  it("lists every check each time, in one order, with a reason for what was not checked", function()
    local ids
    local results = {
      verify(), verify { vcek = false }, verify { ask = "x" },
      verify { vcek = false, ask = false, ark = false },
      verify({}, { report = ("\9"):rep(1184) }),
    }
    for _, result in ipairs(results) do
      local these = {}
      for i, c in ipairs(result.checks) do
        these[i] = c.id
        assert.is_string(c.name)
        if c.status == "not_checked" then assert.is_string(c.reason, c.id)
        else
          assert.is_string(c.expected, c.id)
          assert.is_string(c.found, c.id)
        end
      end
      ids = ids or these
      assert.same(ids, these)
    end
    assert.is_true(#ids > 50)
  end)

  it("counts nothing that was not checked as passed", function()
    local v = assert(snp.verifier { now = NOW })
    for role, missing in pairs { vcek = "vek", ask = "ask", ark = "ark" } do
      local result = v:verify { report = good.report, certificates = chain { [role] = false } }
      assert.is_false(result.genuine)
      assert.equal(missing, result.missing)
      assert.equal("not_checked", check(result, "chain.certificates").status)
      assert.equal("not_checked", check(result, missing .. ".signature").status)
    end
    local result = v:verify { report = good.report }
    assert.equal("vek", result.missing)
    fails(verify { vcek = false, ask = "x" }, "ask.encoding")
  end)

  it("goes on after a failure", function()
    local changed = good.report:sub(1, 0x180) .. "\4" .. good.report:sub(0x182)
    local result = verify({ ask = make("ask", { to = NOW - 1 }) }, { report = changed })
    fails(result, "ask.validity", "bind.tcb_boot_loader", "signature.value")
  end)

  it("takes an ASK and an ARK that it knows where the evidence has none", function()
    local v = verifier { certificates = { good.ask } }
    local result = assert(v:verify { report = good.report,
      certificates = chain { ask = false, ark = false } })
    assert.is_true(result.genuine)
    v = assert(snp.verifier { now = NOW, certificates = { good.ask, good.ark } })
    fails(v:verify { report = good.report, certificates = chain { ask = false, ark = false } },
      "ark.trusted")
  end)

  it("judges dates by the time it is told, also for what it has seen before", function()
    local v = verifier()
    local evidence = { report = good.report, certificates = chain() }
    for _ = 1, 8 do assert.is_true(v:verify(evidence).genuine) end
    for now, reason in pairs { [1699999999] = "not yet valid", [1900000001] = "expired" } do
      evidence.now = now
      local c = fails(v:verify(evidence), "vek.validity", "ask.validity", "ark.validity")
      assert.equal(reason, c.reason)
    end
    for _, now in ipairs { 1700000000, 1900000000 } do
      evidence.now = now
      assert.is_true(v:verify(evidence).genuine)
    end
    evidence.now = nil
    assert.error_matches(function() assert(snp.verifier {}):verify(evidence) end, "now is missing")
  end)

  it("sees each byte of the report that is changed, whether its key is new or known", function()
    local known = verifier()
    local evidence = { report = good.report, certificates = chain() }
    for _ = 1, 8 do assert.is_true(known:verify(evidence).genuine) end
    for i = 1, 1184 do
      local byte = string.char(good.report:byte(i) ~ (1 << i % 8))
      evidence.report = good.report:sub(1, i - 1) .. byte .. good.report:sub(i + 1)
      assert.is_false(known:verify(evidence).genuine, i)
      if i % 37 == 0 then assert.is_false(verifier():verify(evidence).genuine, i) end
    end
  end)

  it("sees each byte of a certificate that is changed", function()
    local v = verifier()
    assert.is_true(v:verify { report = good.report, certificates = chain() }.genuine)
    for _, role in ipairs { "vcek", "ask", "ark" } do
      for i = 1, #good[role] do
        local byte = string.char(good[role]:byte(i) ~ (1 << i % 8))
        local bytes = good[role]:sub(1, i - 1) .. byte .. good[role]:sub(i + 1)
        local result = v:verify { report = good.report, certificates = chain { [role] = bytes } }
        assert.is_false(result.genuine, role .. i)
      end
    end
  end)

  it("reads no certificate that is cut off, followed by something, or huge", function()
    for i = 0, #good.vcek - 1 do fails(verify { vcek = good.vcek:sub(1, i) }, "vek.encoding") end
    fails(verify { vcek = good.vcek .. "\0" }, "vek.encoding")
    fails(verify { ark = good.ark .. good.ark }, "ark.encoding")
    local huge = make("vcek", { extensions = { extension("2.5.29.99", ("x"):rep(1 << 20)) } })
    assert.matches("1049", fails(verify { vcek = huge }, "vek.encoding").found)
    local noise = {}
    for i = 1, 4096 do noise[i] = string.char(math.random(0, 255)) end
    fails(verify { ask = table.concat(noise) }, "ask.encoding")
    assert.is_nil((verifier():verify { report = good.report .. "\0", certificates = chain() }))
  end)

  it("wants one certificate for each place", function()
    local list = chain()
    list[4] = { role = "vcek", der = make("vcek", { serial = "\2" }) }
    local v = verifier()
    fails(v:verify { report = good.report, certificates = list }, "chain.certificates")
    list[4].der = good.vcek
    assert.is_true(v:verify { report = good.report, certificates = list }.genuine)
    for i, c in ipairs(list) do list[i] = { role = "unknown", der = c.der } end
    assert.is_true(v:verify { report = good.report, certificates = list }.genuine)
  end)

  it("refuses certificates in the wrong places", function()
    fails(verify { ask = good.ark }, "vek.names", "vek.signature", "ask.names")
    fails(verify { ark = good.ask }, "ask.names", "ask.signature", "ark.names", "ark.signature",
      "ark.trusted")
    fails(verify { vcek = good.ask, ask = good.ask }, "vek.names", "vek.key", "vek.extensions",
      "vek.signature", "ask.names", "ark.names", "bind.product_name", "bind.vek_format",
      "bind.chip_id")
    local direct = make("vcek", { issuer = "ARK-Milan", signer = "ark" })
    fails(verify { vcek = direct, ask = good.ark }, "vek.names", "ask.names", "ark.names",
      "bind.product_name")
  end)

  it("wants P-384 where EC belongs, and RSA-4096 where RSA does", function()
    local function key_fails(role, options, found)
      local key = certificates.key("other", options)
      local changed = make(role, { spki = key })
      local result = verify { [role] = changed }
      assert.is_false(result.genuine)
      local c = check(result, role == "vcek" and "vek.key" or role .. ".key")
      assert.same({ "fail", found }, { c.status, c.found })
      return result
    end
    local result = key_fails("vcek", "-algorithm EC -pkeyopt ec_paramgen_curve:P-256",
      "EC on another curve")
    assert.equal("not_checked", check(result, "signature.value").status)
    key_fails("vcek", certificates.P384 .. " -pkeyopt ec_param_enc:explicit",
      "EC with explicit parameters")
    key_fails("vcek", "-algorithm RSA -pkeyopt rsa_keygen_bits:2048", "RSA, not of 4096 bits")
    key_fails("vcek", "-algorithm ED25519", "of another kind")
    key_fails("ask", certificates.P384, "EC P-384")
    key_fails("ask", "-algorithm RSA -pkeyopt rsa_keygen_bits:2048", "RSA, not of 4096 bits")
    local rsa = make("vcek", { spki = spki.ask })
    assert.equal("RSA-4096", fails(verify { vcek = rsa }, "vek.key").found)
    local three = spki.ask:gsub("\2\3\1\0\1$", "\2\3\0\0\3")
    assert.is_false(verify { ask = make("ask", { spki = three }) }.genuine)
    local odd = spki.ask:gsub("\2\3\1\0\1$", "\2\3\1\0\3")
    assert.matches("exponent", check(verify { ask = make("ask", { spki = odd }) }, "ask.key").found)
    local off = spki.vek:sub(1, -2) .. string.char(spki.vek:byte(-1) ~ 1)
    assert.matches("curve", fails(verify { vcek = make("vcek", { spki = off }) }, "vek.key").reason)
  end)

  it("wants RSA-PSS with SHA-384 and a salt of 48 bytes, said twice", function()
    local function algorithm(changes, ...)
      fails(verify { vcek = make("vcek", changes) }, ...)
    end
    algorithm({ algorithm = certificates.pss(32), salt = 32 }, "vek.algorithm")
    algorithm({ algorithm = certificates.PKCS1, salt = false }, "vek.algorithm")
    algorithm({ salt = 32 }, "vek.signature")
    algorithm({ salt = false }, "vek.signature")
    algorithm({ outer_algorithm = certificates.pss(32) }, "vek.encoding")
    algorithm({ signer = "ark" }, "vek.signature")
  end)

  it("wants AMD's names", function()
    local function names(role, changes, ...) fails(verify { [role] = make(role, changes) }, ...) end
    names("vcek", { subject = "SEV-VCEK2" }, "vek.names")
    names("vcek", { subject_name = sequence() }, "vek.names")
    local cn = certificates.name "SEV-VCEK"
    local twice = sequence(cn:sub(3), cn:sub(3))
    names("vcek", { subject_name = twice }, "vek.names")
    local short = sequence(certificates.rdn("2.5.4.3", "SEV-Milan"))
    names("ask", { subject_name = short }, "vek.names")
    assert.is_false(verify { vcek = make("vcek", { issuer = "SEV-Genoa" }) }.genuine)
    assert.is_false(verify { vcek = make("vcek", { issuer = "SEV-Milan-B0" }) }.genuine)
    assert.is_false(verify { vcek = make("vcek", { issuer = "sev-milan" }) }.genuine)
    assert.is_false(verify { ask = make("ask", { issuer = "ARK-Genoa" }) }.genuine)
  end)

  it("wants authorities to be authorities, and understands what is critical", function()
    local function extensions(role, list, found)
      local c = fails(verify { [role] = make(role, { extensions = list }) },
        role == "vcek" and "vek.extensions" or role .. ".extensions")
      assert.matches(found, c.found)
    end
    local function authority(o) return certificates.authority(o) end
    extensions("ask", {}, "basicConstraints")
    extensions("ask", authority { ca = false }, "basicConstraints")
    extensions("ask", authority { path = "\2\1\1" }, "longer chain")
    extensions("ask", authority { usage = "\1\2" }, "keyCertSign")
    extensions("ark", { authority()[1] }, "keyCertSign")
    local list = certificates.vcek_extensions()
    list[#list + 1] = extension("2.5.29.99", "\5\0", true)
    extensions("vcek", list, "unknown critical extension: 2.5.29.99")
    list[#list] = extension("2.5.29.99", "\5\0")
    assert.is_true(verify { vcek = make("vcek", { extensions = list }) }.genuine)
    list[#list + 1] = list[#list]
    extensions("vcek", list, "twice")
    for i = #list, 100 do list[i] = extension("2.5.29." .. i, "\5\0") end
    extensions("vcek", list, "more than")
    list = certificates.vcek_extensions()
    list[#list + 1] = authority()[1]
    extensions("vcek", list, "CA")
  end)

  local AMD <const> = {
    ["1"] = "bind.vek_format", ["2"] = "bind.product_name", ["3.1"] = "bind.tcb_boot_loader",
    ["3.2"] = "bind.tcb_tee", ["3.3"] = "bind.tcb_snp", ["3.8"] = "bind.tcb_microcode",
    ["4"] = "bind.chip_id",
  }

  it("wants each of AMD's extensions once, and well-formed", function()
    local function with(changes, double)
      local list = certificates.vcek_extensions(changes)
      if double then list[#list + 1] = double end
      return verify { vcek = make("vcek", { extensions = list }) }
    end
    for id, name in pairs(AMD) do
      assert.matches("missing", fails(with { [id] = false }, name).found)
      local again = extension(certificates.AMD .. id, "\2\1\0")
      assert.matches("more than once", check(with({}, again), name).found)
      assert.equal("fail", check(with({}, again), "vek.extensions").status)
    end
    for _, value in ipairs {
      "", "\2", "\2\0", "\2\1", "\2\1\3\0", "\2\2\0\3", "\2\2\1\0", "\2\1\xff", "\2\2\xff\x03",
      "\2\3\0\0\3", "\4\1\3", "\3", "\2\x81\1\3",
    } do
      assert.matches("malformed", fails(with { ["3.1"] = value }, "bind.tcb_boot_loader").found)
    end
    assert.is_true(with({ ["3.4"] = "\2\1\0" }).genuine)
    fails(with { ["3.4"] = "\2\1\1" }, "bind.vek_format")
    fails(with { ["3.4"] = "\2\1" }, "bind.vek_format")
    fails(with { ["1"] = "\2\1\2" }, "bind.vek_format")
    fails(with { ["3.9"] = "\2\1\0" }, "bind.tcb_fmc")
    fails(with { ["2"] = "\x16\5Genoa" }, "bind.product_name")
    fails(with { ["2"] = "\x0c\5Milan" }, "bind.product_name")
    fails(with { ["2"] = "\x16\6Milan\0" }, "bind.product_name")
    assert.is_true(with({ ["2"] = "\x16\8Milan-B1" }).genuine)
  end)

  it("binds the certificate to the chip", function()
    local function with(id) return verify { vcek = make("vcek", {
      extensions = certificates.vcek_extensions { ["4"] = id } }) } end
    assert.is_true(with("\4\x40" .. ("\x5a"):rep(64)).genuine)
    for _, id in ipairs { ("\x5a"):rep(63), ("\x5a"):rep(65), ("\x5a"):rep(8), ("\x5b"):rep(64),
      "\4\x41" .. ("\x5a"):rep(64), "\4\x40" .. ("\x5b"):rep(64), "" } do
      fails(with(id), "bind.chip_id")
    end
    local masked = certificates.report("vek", { [0x1a0] = ("\0"):rep(64) })
    local result = verify({}, { report = masked })
    assert.is_true(result.genuine)
    assert.matches("masked", check(result, "bind.chip_id").reason)
    local none = make("vcek", { extensions = certificates.vcek_extensions { ["4"] = false } })
    fails(verify({ vcek = none }, { report = masked }), "bind.chip_id")
  end)

  it("has rules of its own for a VLEK", function()
    local function with(changes, report)
      local extensions = { ["4"] = false, ["5"] = "\x16\4CN=x" }
      for id, value in pairs(changes or {}) do extensions[id] = value end
      return verifier():verify { report = report, certificates = {
        { role = "vlek", der = make("vlek", {
          extensions = certificates.vcek_extensions(extensions) }) },
        { role = "asvk", der = good.asvk }, { role = "ark", der = good.ark } } }
    end
    local zeros = ("\0"):rep(64)
    local report = certificates.report("vek", { [0x048] = "\4", [0x1a0] = zeros })
    local result = with({}, report)
    assert.same({ true, "vlek", "CN=x" }, { result.genuine, result.signed_by, result.csp_id })
    fails(with({ ["5"] = false }, report), "bind.csp_id")
    fails(with({ ["5"] = "\x16\0" }, report), "bind.csp_id")
    fails(with({ ["4"] = zeros }, report), "bind.chip_id")
    fails(with({}, certificates.report("vek", { [0x048] = "\4" })), "bind.chip_id")
    fails(with({}, certificates.report("vek", { [0x1a0] = zeros })), "bind.signing_key")
    fails(verify({}, { report = certificates.report("vek", { [0x048] = "\4" }) }),
      "bind.signing_key")
    fails(verify { vcek = make("vcek", {
      extensions = certificates.vcek_extensions { ["5"] = "\x16\4CN=x" } }) }, "bind.csp_id")
  end)

  it("compares every part of the TCB", function()
    for offset, id in pairs { [0] = "boot_loader", [1] = "tee", [6] = "snp", [7] = "microcode" } do
      for _, change in ipairs { 1, 0x80 } do
        local tcb = { 3, 0, 0, 0, 0, 0, 8, 0xd2 }
        tcb[offset + 1] = tcb[offset + 1] ~ change
        local report = certificates.report("vek", { [0x180] = string.char(table.unpack(tcb)) })
        fails(verify({}, { report = report }), "bind.tcb_" .. id)
      end
    end
    local reserved = certificates.report("vek", { [0x180] = "\3\0\1\0\0\0\8\xd2" })
    fails(verify({}, { report = reserved }), "report.tcb_reserved")
  end)

  it("keeps what the TCBs say about each other apart from being genuine", function()
    local result = verify({}, { report = certificates.report("vek",
      { [0x038] = "\2\0\0\0\0\0\8\xd2", [0x1e8] = "\1\2\3", [0x1ec] = "\0\3\3" }) })
    assert.is_true(result.genuine)
    for id, status in pairs { reported = "pass", committed = "fail", launch = "fail",
      firmware = "fail" } do
      assert.equal(status, check(result, "tcb." .. id).status, id)
    end
  end)

  it("refuses scalars out of range, and what is in the signature's unused bytes", function()
    local n = ("73:29:C5:CC:6A:19:EC:EC:7A:A7:B0:48:B2:0D:1A:58:DF:2D:37:F4:81:4D:63:C7" ..
      (":FF"):rep(24)):gsub("(%x%x):?", function(h) return string.char(tonumber(h, 16)) end)
    for _, scalar in ipairs { ("\0"):rep(48), n, ("\xff"):rep(48) } do
      for _, at in ipairs { 0x2a0, 0x2e8 } do
        local report = good.report:sub(1, at) .. scalar .. good.report:sub(at + 49)
        fails(verify({}, { report = report }), "signature.range", "signature.value")
      end
    end
    for at, id in pairs { [0x2d0] = "signature.padding", [0x2e7] = "signature.padding",
      [0x318] = "signature.padding", [0x32f] = "signature.padding",
      [0x330] = "report.signature_reserved", [0x49f] = "report.signature_reserved" } do
      local report = good.report:sub(1, at) .. "\1" .. good.report:sub(at + 2)
      fails(verify({}, { report = report }), id)
    end
  end)

  it("tells a masked key, a report that nobody signed, and one that the host asked for", function()
    local function report(changes)
      return verify({}, { report = certificates.report("vek", changes) })
    end
    assert.matches("MASK_CHIP_KEY", fails(report { [0x048] = "\2" }, "signature.present").reason)
    assert.matches("no key", fails(report { [0x048] = "\x1c" }, "signature.present").reason)
    fails(report { [0x048] = "\8" }, "report.key_info", "bind.signing_key")
    fails(report { [0x048] = "\x20" }, "report.key_info")
    assert.matches("host", fails(report { [0x030] = "\xff\xff\xff\xff" }, "report.vmpl").reason)
    fails(report { [0x030] = "\4" }, "report.vmpl")
    fails(report { [0x034] = "\2" }, "report.signature_algo")
    fails(report { [0x110] = "\1" }, "report.author_key")
    assert.is_true(report { [0x048] = "\1", [0x110] = "\1" }.genuine)
    local newer = fails(report { [0] = "\6" }, "report.version")
    assert.equal("6", newer.found)
  end)

  it("checks the product asked for, and the CPUID from version 3 on", function()
    assert.is_true(verify({}, { product = "milan" }).genuine)
    fails(verify({}, { product = "Genoa" }), "bind.product")
    assert.error_matches(function() verify({}, { product = "Rome" }) end, "unknown product")
    local function cpuid(family, model) return verify({}, { report = certificates.report("vek",
      { [0] = "\3", [0x188] = string.char(family, model) }) }) end
    assert.is_true(cpuid(0x19, 0x01).genuine)
    local others = { { 0x19, 0x11 }, { 0x19, 0xa0 }, { 0x1a, 0x02 }, { 0x1a, 0x50 }, { 0, 0 } }
    for _, wrong in ipairs(others) do
      fails(cpuid(table.unpack(wrong)), "bind.cpuid")
    end
  end)

  it("looks into revocation lists", function()
    local function with(o, held)
      local crl = certificates.crl { issuer = o.issuer or "ARK-Milan", signer = o.signer or "ark",
        serials = o.serials, from = o.from, to = o.to, extensions = o.extensions,
        algorithm = o.algorithm, salt = o.salt, after = o.after }
      if not held then return verify({}, { crls = { crl } }) end
      local v = verifier { crls = { crl } }
      local first = v:verify { report = good.report, certificates = chain() }
      assert.same(first, v:verify { report = good.report, certificates = chain() })
      return first
    end
    for _, held in ipairs { false, true } do
      assert.is_true(with({}, held).genuine)
      assert.is_true(with({ serials = { "\9", "\1\1" } }, held).genuine)
      assert.equal("stale", fails(with({ to = NOW - 1 }, held), "crl.validity").reason)
      assert.equal("not yet valid", fails(with({ from = NOW + 1 }, held), "crl.validity").reason)
      assert.equal("revoked", fails(with({ serials = { "\9", "\1" } }, held),
        "crl.ask_not_revoked", "crl.vek_not_revoked").reason)
      fails(with({ signer = "ask" }, held), "crl.signature")
      fails(with({ algorithm = certificates.PKCS1, salt = false }, held), "crl.signature")
      fails(with({ issuer = "ARK-Genoa" }, held), "crl.issuer")
      fails(with({ extensions = { extension("2.5.29.28", "\x30\0", true) } }, held),
        "crl.extensions")
      assert.is_true(with({ extensions = { extension("2.5.29.20", "\2\1\7") } },
        held).genuine)
    end
    fails(verify({}, { crls = { "junk" } }), "crl.encoding", "crl.issuer")
    fails(with { after = "\0" }, "crl.encoding", "crl.issuer")
    assert.is_nil((snp.verifier { crls = { "junk" } }))
  end)

  it("refuses roots that cannot be one", function()
    for _, wrong in ipairs { "", "junk", good.vcek } do
      local v, message, kind = snp.verifier { roots = { wrong } }
      assert.is_nil(v)
      assert.matches("root 1", message)
      assert.equal("invalid_argument", kind)
    end
    assert.error_matches(function() snp.verifier { roots = { 1 } } end, "must be a string")
  end)

  it("works through a list on another thread's terms: once, in order", function()
    local v, list = verifier(), {}
    for i = 1, 40 do
      list[i] = { report = i % 3 == 0 and "short" or good.report,
        certificates = chain(i % 2 == 0 and { ask = false } or nil) }
    end
    local job = v:work(list)
    v, list = nil, nil -- luacheck: ignore 311 (the job keeps what it needs)
    collectgarbage()
    assert.is_nil(job:results())
    job:run()
    local results = job:results()
    assert.equal(40, #results)
    for i, result in ipairs(results) do
      if i % 3 == 0 then assert.matches("1184", result.error)
      else assert.equal(i % 2 == 1, result.genuine) end
    end
    assert.error_matches(function() job:run() end, "begun already")
    assert.error_matches(function() job:work() end, "begun already")
  end)
end)
