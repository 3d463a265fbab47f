local bundle = require "kavach.attest.bundle"
local bytes_of = require "support.snp_bytes"
local evidence_of = require "kavach.attest.evidence"
local json = require "kavach.json"
local snp = require "kavach.snp"

describe("an evidence bundle", function()
  local report = bytes_of.report(3)
  local vcek, ask = bytes_of.certificate "SEV-VCEK", bytes_of.certificate "SEV-Genoa"

  local function document(changes)
    local d = {
      format = "kavach-evidence", version = 1, made_by = "a spec", report = snp.base64(report),
      nonce = ("ab"):rep(64), product = "Genoa", simulated = false, crl = snp.base64 "crl",
      certificates = { vcek = snp.base64(vcek), ask = snp.base64(ask) },
    }
    for key, value in pairs(changes or {}) do
      if value == "none" then d[key] = nil else d[key] = value end
    end
    return assert(json.encode(d))
  end

  it("gives back what was put in", function()
    local minimal = { made_by = "x", report = report }
    assert.same({ made_by = "x", report = report, simulated = false, certificates = {} },
      bundle.decode(assert(bundle.encode(minimal))))
    local full = {
      made_by = "ä spec", report = report, nonce = ("n"):rep(64), product = "Turin",
      simulated = true, crl = "crl", certificates = { vcek = vcek, ask = ask, ark = "1", vlek = "2",
        asvk = "3" },
    }
    local text = assert(bundle.encode(full))
    assert.is_nil(text:find "\n")
    assert.same(full, bundle.decode(text))
  end)

  it("is written as its documentation says", function()
    local got = assert(bundle.decode(document()))
    assert.same({ made_by = "a spec", report = report, nonce = ("\xab"):rep(64), product = "Genoa",
      simulated = false, crl = "crl", certificates = { vcek = vcek, ask = ask } }, got)
  end)

  it("is evidence", function()
    local evidence = assert(evidence_of.parse(document()))
    assert.same({ "JSON bundle", report, ("\xab"):rep(64) },
      { evidence.kind, evidence.report, evidence.nonce })
    assert.same({ { role = "vcek", der = vcek }, { role = "ask", der = ask } },
      evidence.certificates)
    assert.same({ "crl" }, evidence.crls)
  end)

  local function bad(pattern, text)
    local got, why = bundle.decode(text)
    assert.is_nil(got)
    assert.equal("invalid_argument", why.kind)
    assert.matches("^evidence bundle: ", why.message)
    assert.matches(pattern, why.message)
  end

  it("says what is wrong with it", function()
    for _, key in ipairs { "format", "version", "made_by", "report" } do
      bad(("'%s' is missing"):format(key), document { [key] = "none" })
    end
    bad("'format' must be 'kavach%-evidence'", document { format = "other", extra = 1 })
    bad("'version' must be 1: this kavach knows no other", document { version = 2, extra = 1 })
    bad("'version' must be 1", document { version = "1" })
    bad("unknown key 'extra'", document { extra = 1 })
    for _, wrong in ipairs { "", "a\nb", ("x"):rep(201), 1, true, {} } do
      bad("'made_by' must be a line of 1 to 200 bytes", document { made_by = wrong })
    end
    bad("'simulated' must be true or false", document { simulated = 1 })
    bad("'nonce' must be 64 bytes, not 1", document { nonce = "ab" })
    bad("'nonce' must be hex %(", document { nonce = ("zz"):rep(64) })
    bad("'nonce' must be a string of hex", document { nonce = 1 })
    for _, wrong in ipairs { "genoa", "Venice", "", 1, true } do
      bad("'product' must be Milan, Genoa or Turin", document { product = wrong })
    end
    bad("'report' must be 1184 bytes, not 3", document { report = "AAAA" })
    bad("'report' must be base64 %(", document { report = snp.base64(report):sub(1, -2) })
    bad("'report' must be base64 %(", document { report = snp.base64(report) .. "\n" })
    bad("'report' must be a string of base64", document { report = json.null })
    bad("'certificates' must be an object", document { certificates = json.array { "x" } })
    bad("'certificates' must be an object", document { certificates = "x" })
    bad("'certificates' must be of vcek, vlek, ask, asvk and ark; it has 'root'",
      document { certificates = { root = "AAAA" } })
    bad("such that 'ask' is 1 to 65536 bytes", document { certificates = { ask = "" } })
    bad("such that 'ask' is 1 to 65536 bytes",
      document { certificates = { ask = snp.base64(("x"):rep(65537)) } })
    bad("such that 'ask' is a string", document { certificates = { ask = 1 } })
    bad("'crl' must be 1 to 65536 bytes", document { crl = "" })
  end)

  it("is JSON, with nothing there twice, and not too large", function()
    bad("", "")
    bad("", "nonsense")
    bad("not a JSON object", "[]")
    bad("not a JSON object", "1")
    bad("not a JSON object", "null")
    bad("duplicate", (document():gsub("^{", '{"version":1,')))
    bad("after the end", document() .. "{}")
    bad("nested", ("["):rep(200))
    bad("invalid UTF%-8", (document():gsub("a spec", "\xff")))
    bad("", (document():gsub('"version":1', '"version":NaN')))
    bad("more than 1048576 bytes", document() .. (" "):rep(1 << 20))
  end)

  it("cannot be written so that it could not be read", function()
    local function refused(changes)
      local b = { made_by = "x", report = report }
      for key, value in pairs(changes) do b[key] = value end
      local text, why = bundle.encode(b)
      assert.is_nil(text)
      assert.equal("invalid_argument", why.kind)
    end
    refused { report = "short" }
    refused { made_by = "a\nb" }
    refused { made_by = "\xff" }
    refused { nonce = "short" }
    refused { product = "Rome" }
    refused { certificates = { root = "x" } }
    refused { certificates = { ask = "" } }
    refused { crl = ("x"):rep(65537) }
  end)
end)
