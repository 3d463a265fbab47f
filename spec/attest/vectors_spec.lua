--- The program over every folder of evidence that has an expected.json.

local json = require "kavach.json"
local program = require "support.program"
local vectors = require "support.vectors"

local function expected_of(folder)
  local expected = assert(json.decode(vectors.need(folder .. "/expected.json")))
  for key, value in pairs(expected) do
    if value == json.null then expected[key] = nil end
  end
  return expected
end

local function path_of(folder, file)
  return ("%s/%s%s"):format(vectors.directory, folder, file and "/" .. file or "")
end

--- The program's decision, its exit code, and what it wrote to standard error.
local function verify(folder, ...)
  local exit, out, errors = program.run("verify", path_of(folder), "--json", ...)
  local document = assert(json.decode(out))
  return document, exit, errors
end

local function check(document, id)
  for _, one in ipairs(document.checks) do
    if one.id == id then return one end
  end
  error("no check " .. id)
end

local function failures(document)
  local ids = {}
  for _, one in ipairs(document.checks) do
    if one.decides and one.status ~= "pass" then ids[#ids + 1] = one.id end
  end
  return ids
end

describe("kavach verify", function()
  for _, folder in ipairs(vectors.folders "expected.json") do
    it("judges as expected: " .. folder, function()
      local expected = expected_of(folder)
      local words = { "--now", tostring(expected.now) }
      if expected.trust_root then
        words[3], words[4] = "--trust-root", path_of(folder, expected.trust_root)
      end
      local document, exit, errors = verify(folder, table.unpack(words))
      assert.equal("", errors)
      if expected.genuine ~= nil then assert.equal(expected.genuine, document.genuine) end
      if expected.baseline ~= nil then
        assert.equal(expected.baseline, document.allow, table.concat(failures(document), " "))
      end
      assert.equal(document.allow, exit == 0)
      assert.equal(document.allow, #failures(document) == 0)
      assert.is_true(exit <= 2)
      if expected.product and document.product ~= json.null then
        assert.equal(expected.product, document.product:lower())
      end
    end)
  end

  vectors.it("exits with 1 where there is no certificate, and prints the document", function()
    for _, folder in ipairs { "genoa-v2-novek-routex", "milan-v4-novek-openpcc" } do
      local document, exit = verify(folder, "--now", "1782864000")
      assert.same({ 1, "vek", "undecided" }, { exit, document.missing, document.outcome })
    end
  end)

  vectors.it("lets strict allow a real report, and names debug in one that has it", function()
    local _, exit = verify("milan-v2-vcek-virtee", "--policy", "strict")
    assert.equal(0, exit)
    local document
    document, exit = verify("milan-v2-vcek-debug-google", "--policy", "strict")
    assert.same({ 2, { "policy.debug_allowed" } }, { exit, failures(document) })
    local code, out = program.run("verify", path_of "milan-v2-vcek-debug-google", "--policy",
      "strict")
    assert.equal(2, code)
    assert.matches("debug is not allowed", out)
  end)

  vectors.it("does not let seed-strict allow what strict does", function()
    local document, exit = verify("milan-v2-vcek-virtee", "--policy", "seed-strict")
    assert.same({ 2, true, true, { "structural.policy" } },
      { exit, document.genuine, document.structural, failures(document) })
  end)

  vectors.it("judges by the time that it is given", function()
    local document = verify("milan-v2-vcek-virtee", "--now", "2019-01-01T00:00:00Z")
    assert.same({ "vek.validity", "ask.validity", "ark.validity", "policy.genuine" },
      failures(document))
  end)

  vectors.it("finds that Azure's report vouches for its runtime data, and not if it is changed",
    function()
      local folder = "milan-v2-azure-hcl-trustee"
      assert.equal("pass", check(verify(folder), "evidence.runtime_data").status)
      local blob = vectors.need(folder .. "/hcl.bin")
      local at = assert(blob:find('"keys"', 1, true))
      local path = os.tmpname()
      local file <close> = assert(io.open(path, "wb"))
      file:write(blob:sub(1, at), "K", blob:sub(at + 2))
      file:close()
      local _, out = program.run("verify", path, "--json")
      os.remove(path)
      local document = assert(json.decode(out))
      assert.equal("fail", check(document, "evidence.runtime_data").status)
      assert.is_false(document.genuine)
    end)
end)
