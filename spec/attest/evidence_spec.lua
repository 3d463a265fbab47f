local attest = require "kavach.attest"
local attested = require "support.attested"
local snp_bytes = require "support.snp_bytes"
local host = require "support.host"
local snp = require "kavach.snp"

local folder, remove

local function put(name, bytes) host.write(folder .. "/" .. name, bytes) end

local function refused(result, why, text, kind)
  assert.is_nil(result)
  assert.equal(kind or "invalid_argument", why.kind)
  assert.matches(text, why.message, 1, true)
end

describe("evidence", function()
  it("is a report as bytes, in hex, and in base64", function()
    local report = attested.bytes()
    for encoding, text in pairs {
      none = report, hex = snp.hex(report):upper() .. "\n", base64 = snp.base64(report),
    } do
      local evidence = assert(attest.parse(text))
      assert.same({ "report", encoding, true },
        { evidence.kind, evidence.encoding, evidence.report == report })
    end
  end)

  it("is no more than a megabyte", function()
    local evidence, why = attest.parse((" "):rep(1 << 20) .. " ")
    refused(evidence, why, "too large")
  end)

  it("must have a report", function()
    local evidence, why = attest.parse(("\0"):rep(24))
    refused(evidence, why, "")
    evidence, why = attest.parse '{"format":"kavach-evidence","version":1,"made_by":"x"}'
    refused(evidence, why, "'report' is missing")
  end)

  it("may not be of a processor that is known but not supported", function()
    local venice = ("<I4I4"):pack(8, 0x00b50f00)
    local extended = attested.bytes() .. snp_bytes.table_of { { "platform", venice } }
    refused(nil, select(2, attest.parse(extended)), "of a Venice, which is not supported")
    local decisions = attest.verify_all { extended, attested.bytes() }
    assert.same({ 2, false, false }, { #decisions, decisions[1].allow, decisions[2].allow })
    assert.equal("denied", decisions[1]:outcome())
  end)

  it("is not left out of a list for a hole before it", function()
    local report = attested.bytes()
    assert.equal(2, #attest.verify_all { report, report })
    for _, list in ipairs { { report, nil, report }, { [2] = report }, { report, x = report } } do
      assert.error_matches(function() attest.verify_all(list) end, "there is no %[%d%]")
    end
  end)

  it("from a table is checked", function()
    local evidences = require "kavach.attest.evidence"
    local evidence = assert(evidences.of {
      report = attested.bytes(), certificates = { { der = "x" } }, product = "milan",
    })
    assert.same({ "table", "Milan" }, { evidence.kind, evidence.product })
    local many = {}
    for i = 1, 33 do many[i] = { der = "x" } end
    local none, why = evidences.of { report = attested.bytes(), certificates = many }
    refused(none, why, "more than 32")
  end)
end)

describe("a folder of evidence", function()
  before_each(function() folder, remove = host.folder() end)
  after_each(function() remove() end)

  it("is known by its files, and says which it read", function()
    put("report.bin", attested.bytes())
    put("vcek.der", "not a certificate")
    put("crl.der", "no list")
    put("notes.txt", "ignored")
    local evidence = assert(attest.load(folder))
    assert.same({ "folder", { "report.bin", "vcek.der", "crl.der" } },
      { evidence.kind, evidence.files })
    assert.equal("folder (report.bin vcek.der crl.der)", tostring(evidence))
    assert.same({ { role = "vcek", der = "not a certificate" } }, evidence.certificates)
    assert.same({ "no list" }, evidence.crls)
    assert.equal(folder, evidence.source)
  end)

  it("with what cannot be read as a certificate is denied, and says so", function()
    put("report.bin", attested.bytes())
    put("vcek.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n")
    local decision = attest.verify(assert(attest.load(folder)), nil, { now = attested.NOW })
    assert.same({ false, "fail" },
      { decision.allow, attested.check(decision, "vek.encoding").status })
  end)

  it("needs a report", function()
    put("vcek.der", "x")
    local evidence, why = attest.load(folder)
    refused(evidence, why, "a folder without report.bin", "io")
    put("report.bin", attested.bytes():sub(2))
    evidence, why = attest.load(folder)
    refused(evidence, why, "report.bin: ")
  end)

  it("has one report, if under two names", function()
    local hcl = "HCLA" .. ("<I4I4"):pack(2, 1184) .. ("\0"):rep(20)
      .. attested.bytes { report_data = snp.sha256 "{}" .. ("\0"):rep(32) }
      .. ("<I4I4I4I4I4"):pack(22, 1, 2, 1, 2) .. "{}"
    put("hcl.bin", hcl)
    local evidence = assert(attest.load(folder))
    assert.same({ "{}", "sha256" }, { evidence.runtime_data, evidence.runtime_hash })
    put("report.bin", attested.bytes())
    local none, why = attest.load(folder)
    refused(none, why, "hcl.bin has another report than report.bin")
  end)

  it("may have an auxblob without certificates", function()
    put("outblob", attested.bytes())
    put("auxblob", "")
    assert.same({}, assert(attest.load(folder)).certificates)
  end)
end)

describe("a file of evidence", function()
  it("that cannot be read is an error of kind io", function()
    local evidence, why = attest.load "/nonexistent/file"
    refused(evidence, why, "/nonexistent/file", "io")
  end)

  it("that does not end is read to a megabyte, and refused", function()
    local path = host.endless(os.tmpname())
    local evidence, why = attest.load(path)
    os.remove(path)
    refused(evidence, why, path .. ": too large")
  end)
end)
