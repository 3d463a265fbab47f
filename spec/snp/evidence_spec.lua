local bytes = require "support.snp_bytes"
local snp = require "kavach.snp"
local vectors = require "support.vectors"

local report = bytes.report(3)
local vcek, ask, ark = bytes.certificate "SEV-VCEK", bytes.certificate "SEV-Genoa",
  bytes.certificate "ARK-Genoa"
local chain = { { "vcek", vcek }, { "ask", ask }, { "ark", ark } }

local function recognised(b)
  return assert(snp.recognise(b))
end

local function refused(b)
  local value, message, kind = snp.recognise(b)
  assert.is_nil(value)
  assert.equal("invalid_argument", kind)
  return message
end

local function roles(evidence)
  local list = {}
  for i, certificate in ipairs(evidence.certificates) do list[i] = certificate.role end
  return table.concat(list, " ")
end

local function pem(der, label)
  label = label or "CERTIFICATE"
  return ("-----BEGIN %s-----\n%s\n-----END %s-----\n"):format(label,
    (snp.base64(der):gsub(("."):rep(64), "%0\n")), label)
end

describe("hex", function()
  it("comes back, for bytes of every length", function()
    for size = 0, 70 do
      local b = bytes.random(size)
      assert.equal(b, snp.unhex(snp.hex(b)))
      assert.equal(b, snp.unhex(snp.hex(b):upper()))
    end
    assert.equal("00ff10ab", snp.hex "\0\xff\x10\xab")
  end)

  it("is strict", function()
    for text, why in pairs {
      ["0"] = "odd number of hex digits: 1", ["0g"] = "'g' at offset 1", ["00 11"] = "byte 0x20",
      ["0x00"] = "'x' at offset 1", ["00\0000"] = "byte 0x00 at offset 2", ["é0"] = "byte 0xc3",
    } do
      local value, message, kind = snp.unhex(text)
      assert.is_nil(value)
      assert.equal("invalid_argument", kind)
      assert.matches(why, message, 1, true)
    end
    assert.equal("\0\17", snp.unhex("0 0\r\n1\t1\n", true))
    assert.is_nil((snp.unhex("00 1", true)))
  end)
end)

describe("base64", function()
  it("comes back, for bytes of every length", function()
    for size = 0, 70 do
      local b = bytes.random(size)
      assert.equal((size + 2) // 3 * 4, #snp.base64(b))
      assert.equal(b, snp.unbase64(snp.base64(b)))
    end
    assert.equal("Zm9vYmE=", snp.base64 "fooba")
    assert.equal("+/8A", snp.base64 "\xfb\xff\0")
  end)

  it("is strict", function()
    for text, why in pairs {
      ["Zg"] = "2 digits and 0 '='", ["Zg="] = "2 digits and 1 '='", ["Z==="] = "its padding: '='",
      ["Zg==Zg=="] = "goes on after its padding", ["Zh=="] = "bits beyond the end",
      ["Zm9="] = "bits beyond the end", ["="] = "0 digits and 1",
      ["Zm9vYg=a"] = "after its padding",
      ["Zm-v"] = "'-' at offset 2", ["Zm9v\n"] = "byte 0x0a at offset 4", ["Zm9v===="] = "padding",
      ["Z"] = "1 digits",
    } do
      local value, message = snp.unbase64(text)
      assert.is_nil(value, text)
      assert.matches(why, message, 1, true)
    end
    assert.equal("foobar", snp.unbase64("Zm9v\r\n YmFy\n", true))
  end)
end)

describe("evidence", function()
  it("may be a report", function()
    for version = 2, 5 do
      local b = bytes.report(version)
      local e = recognised(b)
      assert.same({ "report", "none", b, 0, 0 },
        { e.kind, e.encoding, e.report, #e.certificates, #e.crls })
    end
  end)

  it("may be a report with a certificate table", function()
    local e = recognised(report .. bytes.table_of(chain))
    assert.same({ "extended report", report, "vcek ask ark" }, { e.kind, e.report, roles(e) })
    assert.equal(vcek, e.certificates[1].der)
    assert.equal("63da758d-e664-4564-adc5-f4b93be8accd", e.certificates[1].guid)
    assert.equal("", roles(recognised(report .. string.rep("\0", 4096))))
  end)

  it("may be a certificate table alone", function()
    local list = { { "vlek", bytes.certificate "SEV-VLEK" },
      { "ask", bytes.certificate "SEV-VLEK-Milan" }, { "crl", bytes.crl() }, { "other",
      "something else" } }
    local e = recognised(bytes.table_of(list, string.rep("\0", 100)))
    assert.same({ "certificate table", "vlek asvk unknown", "crl" },
      { e.kind, roles(e), e.crls[1].role })
    assert.is_nil(e.report)
    assert.equal("something else", e.certificates[3].der)
    assert.equal("00112233-4455-6677-8899-aabbccddeeff", e.certificates[3].guid)
    assert.equal("certificate table", recognised(bytes.table_of { { "other", "x" } }).kind)
  end)

  it("may have PEM in its table", function()
    local e = recognised(bytes.table_of { { "vcek", pem(vcek) }, { "ask", pem(ask) .. pem(ark) } })
    assert.equal("vcek ask ask", roles(e))
    assert.equal(ark, e.certificates[3].der)
  end)

  it("may tell the processor", function()
    local e = recognised(bytes.table_of { { "platform", ("<I4I4"):pack(8, 0x00a00f11) } })
    assert.same({ 0x00a00f11, "Milan" }, { e.cpuid_eax, e.product })
    assert.matches("wrong size", refused(bytes.table_of { { "platform", ("<I4I4"):pack(9, 1) } }))
    assert.matches("wrong size", refused(bytes.table_of { { "platform", ("<I4"):pack(8) } }))
  end)

  it("may be an Azure HCL report", function()
    for hash, name in pairs { "sha256", "sha384", "sha512" } do
      local e = recognised(bytes.hcl(report, '{"keys":[]}', { hash = hash }))
      assert.same({ "Azure HCL report", report, '{"keys":[]}', name },
        { e.kind, e.report, e.runtime_data, e.runtime_hash })
    end
    assert.equal("", recognised(bytes.hcl(report, "", { version = 2, tail = "" })).runtime_data)
  end)

  it("may be a response of /dev/sev-guest", function()
    local response = ("<I4I4"):pack(0, 1184) .. string.rep("\0", 24) .. report
    assert.equal(report, recognised(response).report)
    local e = recognised(response .. string.rep("\0", 4000 - #response))
    assert.same({ "guest response", report }, { e.kind, e.report })
    assert.matches("status 0x16", refused(("<I4"):pack(0x16) .. string.rep("\0", 3996)))
    assert.matches("not zero follow", refused(response .. "\1"))
    assert.matches("response of /dev/sev%-guest: cut short: 1215 bytes of 1216",
      refused(response:sub(1, -2)))
    assert.matches("reserved bytes", refused(bytes.patch(response, 31, "\1")))
  end)

  it("may be certificates", function()
    local e = recognised(vcek .. ask .. ark .. bytes.crl())
    assert.same({ "DER", "vcek ask ark", 1 }, { e.kind, roles(e), #e.crls })
    e = recognised("some words\n" .. pem(ask) .. "\r\n" .. pem(bytes.crl(), "X509 CRL") .. pem(ark))
    assert.same({ "PEM", "ask ark", 1 }, { e.kind, roles(e), #e.crls })
    assert.equal("ask", roles(recognised((pem(ask):gsub("\n", "\r\n")))))
  end)

  it("may be JSON, which others read", function()
    assert.equal("JSON", recognised(' \n{"version":1}').kind)
  end)

  for name, b in pairs {
    ["a report"] = report, ["an extended report"] = report .. bytes.table_of(chain),
    ["a table"] = bytes.table_of(chain), ["an HCL report"] = bytes.hcl(report, "{}"), DER = vcek,
  } do
    it(("may be %s in hex or base64"):format(name), function()
      local plain = recognised(b)
      for encoding, text in pairs {
        hex = { snp.hex(b), snp.hex(b):upper(), (snp.hex(b):gsub(("."):rep(60), "%0\n")) .. "\n" },
        base64 = { snp.base64(b), (snp.base64(b):gsub(("."):rep(76), "%0\r\n")) .. "\n" },
      } do
        for _, one in ipairs(text) do
          local e = recognised(one)
          assert.equal(encoding, e.encoding)
          e.encoding = plain.encoding
          assert.same(plain, e)
        end
      end
    end)
  end

  it("may be PEM in base64, since PEM is no layer of its own", function()
    local e = recognised(snp.base64(pem(ark)))
    assert.same({ "PEM", "base64", "ark" }, { e.kind, e.encoding, roles(e) })
  end)
end)

describe("a certificate's role", function()
  for name, role in pairs {
    ["SEV-VCEK"] = "vcek", ["SEV-VLEK"] = "vlek", ["SEV-Milan"] = "ask",
    ["SEV-VLEK-Turin"] = "asvk", ["ARK-Turin"] = "ark", ["sev-vcek"] = "unknown",
    ["XSEV-VCEK"] = "unknown", [""] = "unknown",
    ["SEV-VCEK\0"] = "ask", ["ARK"] = "unknown",
  } do
    it(("of %q is %s"):format(name, role), function()
      assert.equal(role, snp.certificate_role(bytes.certificate(name)))
    end)
  end

  it("is unknown of what does not parse", function()
    assert.equal("crl", snp.certificate_role(bytes.crl()))
    assert.equal("unknown", snp.certificate_role "")
    assert.equal("unknown", snp.certificate_role(vcek .. "x"))
    for size = 0, #vcek - 1 do
      assert.equal("unknown", snp.certificate_role(vcek:sub(1, size)))
    end
  end)
end)

describe("evidence that is none", function()
  it("is refused at every length that it can be cut to", function()
    for name, whole in pairs {
      ["a report"] = report, ["HCL"] = bytes.hcl(report, "{}", { tail = "" }),
      ["a certificate table"] = bytes.table_of(chain),
    } do
      for size = 40, #whole - 1 do
        assert.matches(name, refused(whole:sub(1, size)), 1, true)
      end
    end
    local extended = report .. bytes.table_of(chain)
    for size = #report + 1, #extended - 1 do
      assert.matches("taken for a report: its certificate table", refused(extended:sub(1, size)))
    end
  end)

  it("is named with what it was taken for", function()
    for name, case in pairs {
      ["empty"] = { "", "evidence is empty" },
      ["too much"] = { string.rep("A", (1 << 20) + 1), "1048577 bytes; at most 1048576" },
      ["zeros"] = { string.rep("\0", 100), "100 bytes that begin with 0000000000000000 are no" },
      ["zeros of a report's size"] = { string.rep("\0", 1184), "a report: report version 0" },
      ["a newer report"] = { "\6" .. report:sub(2), "report version 6 is not known" },
      ["an older report"] = { "\1" .. report:sub(2), "report version 1: the oldest" },
      ["a report's other byte order"] = { report:gsub("....", string.reverse), "version 50331648" },
      ["a report and a byte"] = { report .. "\0", "certificate table: no entry of zeros" },
      ["words"] = { "hello, world", "base64: not base64: ',' at offset 5" },
      ["HTML"] = { "<html>", "'<' at offset 0" },
      ["an odd digit"] = { snp.hex(report) .. "0", "taken for hex: an odd number" },
      ["a short report in hex"] = { snp.hex(report:sub(1, 100)),
        "hex: taken for a report: cut short" },
      ["only spaces"] = { " \n", "taken for hex: it is empty" },
      ["two layers"] = { snp.base64(snp.base64(report)), "base64: it holds text again" },
      ["hex in base64"] = { snp.base64(snp.hex(report)), "base64: it holds text again" },
      ["base64 in hex"] = { snp.hex(snp.base64(report)), "hex: it holds text again" },
      ["a key"] = { pem("x", "PRIVATE KEY"), "a PEM block of 'PRIVATE KEY'" },
      ["PEM without END"] = { (pem(ask):gsub("%-%-%-%-%-END.*", "")), "without its END line" },
      ["PEM with another END"] = { (pem(ask):gsub("END CERT", "END SERT")),
        "without its END line" },
      ["PEM in PEM"] = { (pem(ask):gsub("\n", "\n-----BEGIN CERTIFICATE-----\n", 1)),
        "without its END" },
      ["a stray END"] = { pem(ask) .. "-----END CERTIFICATE-----\n", "begins no block" },
      ["PEM that is no base64"] = { (pem(ask):gsub("MI", "M%%", 1)), "not base64: '%'" },
      ["PEM of nothing"] = { pem "", "does not hold one DER object" },
      ["PEM of two"] = { pem(ask .. ark), "does not hold one DER object" },
      ["PEM of words"] = { pem "words", "does not hold one DER object" },
      ["a CRL called a certificate"] = { pem(ask) .. pem(vcek, "X509 CRL"),
        "a certificate where a revocation" },
      ["a short certificate"] = { vcek:sub(1, -2),
        "DER: no DER object, or one cut short, at offset 0" },
      ["a certificate and a byte"] = { vcek .. "\0",
        ("no DER object, or one cut short, at offset %d"):format(#vcek) },
      ["other DER"] = { bytes.der(0x30, bytes.der(0x04, string.rep("\1", 300))),
        "neither a certificate nor" },
      ["a certificate that is too big"] = { bytes.certificate("SEV-VCEK", 70000),
        "at most 65536 are taken" },
      ["too many"] = { vcek:rep(33), "more than 32 certificates" },
      ["a length that could be shorter"] = { "\x30\x83\0" .. vcek:sub(3),
        "cut short, at offset 0" },
      ["an indefinite length"] = { "\x30\x80" .. vcek, "no report, certificate table" },
    } do
      assert.matches(case[2], refused(case[1]), 1, true, name)
    end
  end)

  it("is an HCL report with sizes that do not agree", function()
    for why, fields in pairs {
      ["header has version 3"] = { version = 3 }, ["header has version 0"] = { version = 0 },
      ["cut short: "] = { size = 100000 }, ["status 0x5"] = { status = 5 },
      ["runtime data has version 2"] = { runtime_version = 2 }, ["report type is 4"] = { type = 4 },
      ["of kind 0"] = { hash = 0 }, ["of kind 4"] = { hash = 4 },
      ["do not agree: 23 with"] = { all = 23 },
      ["do not agree: 4294967295 with"] = { all = 0xffffffff },
      ["do not agree: 22 with its header, 4294967294 without"] = { length = 0xfffffffe },
      ["65556 with its header, 65536 without, room for 66"] = { all = 65556, length = 65536 },
      ["87 with its header, 67 without, room for 66"] = { all = 87, length = 67 },
      ["do not agree: 19 with"] = { all = 19, length = 0xffffffff },
      ["not zero follow its runtime data"] = { tail = "\0x" },
    } do
      local message = refused(bytes.hcl(report, "{}", fields))
      assert.matches("taken for an Azure HCL report: ", message, 1, true)
      assert.matches(why, message, 1, true)
    end
    assert.matches("report version 9", refused(bytes.hcl("\9" .. report:sub(2), "{}")))
  end)
end)

describe("a certificate table that is none", function()
  local header = 24 * 3

  for name, case in pairs {
    ["no end"] = { (bytes.table_of(chain):sub(1, 72)), "no entry of zeros ends its 3 entries" },
    ["an offset within itself"] = { bytes.table_of { { "vcek", vcek, offset = header - 25 } },
      "within the table's own 48" },
    ["an offset to itself"] = { bytes.table_of { { "vcek", vcek, offset = 0 } },
      "points to offset 0" },
    ["an offset beyond the end"] = { bytes.table_of { { "vcek", vcek, offset = 100000 } },
      "beyond the end" },
    ["the highest offset"] = { bytes.table_of { { "vcek", vcek, offset = 0xffffffff } },
      "beyond the end" },
    ["a length beyond the end"] = { bytes.table_of { { "vcek", vcek, length = #vcek + 1 } },
      "beyond the end" },
    ["offset and length that overflow together"] =
      { bytes.table_of { { "vcek", vcek, offset = 0xffffff00, length = 0x200 } },
        "beyond the end" },
    ["the length 0"] = { bytes.table_of { { "vcek", vcek, length = 0 } }, "has the length 0" },
    ["entries that overlap"] = {
      bytes.table_of { { "vcek", vcek }, { "ask", ask, offset = header + #vcek - 1 } },
      "entries 1 and 2 overlap" },
    ["entries that share all"] = {
      bytes.table_of { { "vcek", vcek }, { "ask", "", offset = header, length = #vcek } },
      "entries 1 and 2 overlap" },
    ["one within another"] = {
      bytes.table_of { { "vcek", vcek }, { "ask", "", offset = header + 10, length = 5 } },
      "entries 1 and 2 overlap" },
    ["one GUID twice"] = { bytes.table_of { { "ask", ask }, { "ask", ask } },
      "entries 1 and 2 have one GUID" },
    ["bytes after the last"] = { bytes.table_of(chain, "\0\1"), "belong to no entry" },
    ["bytes between two"] = {
      bytes.table_of { { "vcek", vcek .. "x", length = #vcek }, { "ask", ask } },
      "belong to no entry" },
    ["a certificate cut short"] = { bytes.table_of { { "vcek", vcek:sub(1, -2) } },
      "entry 1: no DER object, or one cut short" },
    ["a certificate and more"] = { bytes.table_of { { "ask", ask }, { "vcek", vcek .. "\0" } },
      "entry 2: no DER object" },
    ["a certificate as CRL"] = { bytes.table_of { { "crl", vcek } },
      "a certificate where a revocation list belongs" },
    ["a CRL as certificate"] = { bytes.table_of { { "vcek", bytes.crl() } },
      "a revocation list where a certificate belongs" },
    ["a part that is too big"] = {
      bytes.table_of { { "other", string.rep("x", 65537) }, { "vcek", vcek } },
      "65537 bytes; at most 65536" },
  } do
    it("has " .. name, function()
      assert.matches(case[2], refused(report .. case[1]), 1, true)
      assert.matches(case[2], refused(case[1]), 1, true)
    end)
  end

  it("has an entry without a GUID", function()
    local t = bytes.table_of { { "vcek", vcek } }
    t = bytes.patch(t, 0, string.rep("\0", 16))
    assert.matches("entry 1 has no GUID", refused(report .. t))
  end)

  it("has more entries than are taken", function()
    local list = {}
    for i = 1, 33 do list[i] = { "other", "x" } end
    assert.matches("more than 32 entries", refused(bytes.table_of(list)))
    list[33] = nil
    assert.equal(32, #recognised(bytes.table_of(list)).certificates)
  end)
end)

describe("random bytes", function()
  it("are refused or recognised, and nothing else", function()
    local wholes = { report, report .. bytes.table_of(chain), bytes.table_of(chain), pem(vcek),
      bytes.hcl(report, "{}"), vcek, snp.hex(report), snp.base64(report) }
    for i = 1, 4000 do
      local whole = wholes[i % #wholes + 1]
      local at = math.random(0, #whole - 1)
      local noise = bytes.random(math.random(1, 4)):sub(1, #whole - at)
      local e, message = snp.recognise(bytes.patch(whole, at, noise))
      assert.is_true(e ~= nil or type(message) == "string")
      if e and e.report then assert.equal(1184, #e.report) end
    end
  end)
end)

describe("real evidence", function()
  for _, folder in ipairs(vectors.folders "report.bin") do
    vectors.it(("of %s is recognised, file by file"):format(folder), function()
      local b = vectors.need(folder .. "/report.bin")
      if folder ~= "synthetic-reject-version-1" then assert.equal(b, recognised(b).report) end
      for _, role in ipairs { "vcek", "vlek", "ask", "asvk", "ark", "crl" } do
        local der = vectors.read(("%s/%s.der"):format(folder, role))
        if der then
          local e = recognised(der)
          assert.equal("DER", e.kind)
          assert.same({ { role = role, der = der } }, role == "crl" and e.crls or e.certificates)
        end
      end
      local hcl = vectors.read(folder .. "/hcl.bin")
      if hcl then
        local e = recognised(hcl)
        assert.same({ "Azure HCL report", b }, { e.kind, e.report })
        assert.matches("^{.*HCLAkPub.*}$", e.runtime_data)
      end
    end)
  end
end)

describe("evidence, as text", function()
  local attest = require "kavach.attest"

  it("says what it was taken for, and how that was encoded", function()
    for expected, b in pairs {
      report = report, ["hex report"] = snp.hex(report),
      ["extended report"] = report .. bytes.table_of(chain),
    } do
      assert.equal(expected, tostring(assert(attest.parse(b))))
    end
  end)
end)
