--- Every folder of evidence that has an expected.json: ../shared/vectors, or KAVACH_VECTORS.

local json = require "kavach.json"
local snp = require "kavach.snp"
local vectors = require "support.vectors"

local STAGES <const> = { parse = 1, chain = 2, bind = 3, signature = 4, policy = 5 }

local function certificates_of(folder)
  local list = {}
  for _, role in ipairs { "vcek", "vlek", "ask", "asvk", "ark" } do
    local der = vectors.read(("%s/%s.der"):format(folder, role))
    if der then list[#list + 1] = { role = role, der = der } end
  end
  return list
end

local function verify(folder, now, root, crl)
  local verifier = assert(snp.verifier { now = now, roots = { root } })
  return assert(verifier:verify {
    report = vectors.need(folder .. "/report.bin"), certificates = certificates_of(folder),
    crls = { crl or vectors.read(folder .. "/crl.der") },
  })
end

local function expected_of(folder)
  local expected = assert(json.decode(vectors.need(folder .. "/expected.json")))
  for key, value in pairs(expected) do
    if value == json.null then expected[key] = nil end
  end
  local root = expected.trust_root and vectors.need(folder .. "/" .. expected.trust_root)
  return expected, root
end

--- The first check that failed.
local function first_failure(result)
  for _, check in ipairs(result.checks) do
    if check.status == "fail" then return check end
  end
end

local function check(result, id)
  for _, c in ipairs(result.checks) do if c.id == id then return c end end
  error("no check " .. id)
end

--- It fails where it must: not earlier, for another reason, and not later.
local function has_stage(result, expected)
  local first = first_failure(result)
  if expected.genuine == false and result.missing == nil then
    assert.is_true(STAGES[first.stage] <= STAGES.signature, first.id)
  end
  local stage = expected.stage or ""
  if first and stage ~= "" then
    assert.is_not_nil(stage:find(first.stage, 1, true),
      ("fails at %s, not at %s"):format(first.id, stage))
  end
  if stage ~= "" and stage ~= "policy" then assert.is_not_nil(first, "nothing fails") end
end

describe("evidence from real and from made processors", function()
  vectors.it("is here", function() assert.is_true(#vectors.folders "expected.json" >= 40) end)

  for _, folder in ipairs(vectors.folders "expected.json") do
    it("is judged as expected: " .. folder, function()
      local expected, root = expected_of(folder)
      local result = verify(folder, expected.now, root)
      local first = first_failure(result) or {}
      if expected.genuine ~= nil then
        assert.equal(expected.genuine, result.genuine, tostring(first.id))
      end
      has_stage(result, expected)
    end)
  end

  vectors.it("without certificates is told apart, and fails nothing", function()
    for _, folder in ipairs { "genoa-v2-novek-routex", "milan-v4-novek-openpcc" } do
      local result = verify(folder, 1782864000)
      assert.equal("vek", result.missing)
      assert.is_nil(result.signed_by)
      assert.is_false(result.genuine)
      assert.is_nil(first_failure(result))
    end
  end)

  vectors.it("is signed by AMD's own roots, whatever other roots are trusted", function()
    local forged = vectors.need "synthetic-forged-root-genoa/ark.der"
    for folder, key in pairs {
      ["milan-v2-vcek-virtee"] = "vcek", ["milan-v3-vlek-trustee"] = "vlek",
      ["genoa-v5-vcek-zen4c-lunal"] = "vcek", ["turin-v5-vcek-microsoft"] = "vcek",
    } do
      local result = verify(folder, (expected_of(folder)).now, forged)
      assert.same({ true, "amd", key }, { result.genuine, result.root, result.signed_by })
    end
    assert.equal("CN=cc-us-east-2.amazonaws.com",
      verify("milan-v3-vlek-trustee", 1748736000).csp_id)
  end)
end)

describe("AMD's own revocation lists", function()
  local MILAN <const> = "roots/crl/milan_vcek_crl.der"

  vectors.it("are good while they live, stale after that, and of one product", function()
    local crl = vectors.need(MILAN)
    local result = verify("milan-v2-vcek-virtee", 1760000000, nil, crl)
    for _, id in ipairs { "encoding", "issuer", "signature", "extensions", "validity" } do
      assert.equal("pass", check(result, "crl." .. id).status)
    end
    assert.equal("pass", check(result, "crl.ask_not_revoked").status)
    assert.is_true(result.genuine)

    result = verify("milan-v2-vcek-virtee", 1782864000, nil, crl)
    assert.is_false(result.genuine)
    assert.equal("crl.validity", first_failure(result).id)
    assert.equal("stale", first_failure(result).reason)
    assert.equal("pass", check(result, "crl.ask_not_revoked").status)

    result = verify("genoa-v3-vcek-microsoft", 1782864000, nil, crl)
    assert.is_false(result.genuine)
    assert.equal("crl.issuer", first_failure(result).id)
    assert.equal("not_checked", check(result, "crl.ask_not_revoked").status)
  end)
end)

describe("unusual encodings of a hardware id", function()
  vectors.it("are both read, but a chain that is not AMD's is not", function()
    local folder = "milan-v2-vcek-virtee"
    local found = {}
    for _, name in ipairs { "legacy", "new" } do
      local list = certificates_of(folder)
      list[1].der = vectors.need(("cert-encoding-trustee/test-vcek-invalid-%s.der"):format(name))
      local verifier = assert(snp.verifier { now = 1782864000 })
      local result = assert(verifier:verify {
        report = vectors.need(folder .. "/report.bin"), certificates = list,
      })
      assert.is_false(result.genuine)
      assert.not_equal("pass", check(result, "vek.signature").status)
      found[#found + 1] = check(result, "bind.chip_id").expected
    end
    assert.matches("^000102.*3e3f$", found[1])
    assert.equal(found[1], found[2])
  end)
end)
