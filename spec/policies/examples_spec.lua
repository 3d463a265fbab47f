--- The policies of scripts/policies: what their own tests say, and what they say of real evidence.

local json = require "kavach.json"
local lfs = require "lfs"
local run = require("support.policy_program").run
local vectors = require "support.vectors"

local FOLDER <const> = "scripts/policies"

describe("the example policies", function()
  it("pass their tests, which cover them", function()
    local exit, out, errors = run("policy", "test", FOLDER, "--threshold", "100", "--json")
    assert.same({ 0, "" }, { exit, errors })
    local document = assert(json.decode(out))
    assert.is_true(document.good)
    assert.equal(6, #document.files)
    assert.same({}, document.below)
  end)

  it("have no findings", function()
    local files = {}
    for name in lfs.dir(FOLDER) do
      if name:find "%.lua$" and not name:find "_test%.lua$" then
        files[#files + 1] = FOLDER .. "/" .. name
      end
    end
    assert.equal(6, #files)
    local exit, out = run("policy", "check", table.unpack(files))
    assert.same({ 0, "" }, { exit, out })
  end)

  vectors.it("deny a real report with debug, and say which bit", function()
    local folder = vectors.directory .. "/milan-v2-vcek-debug-google"
    local exit, out = run("policy", "explain", FOLDER .. "/strict.lua", folder)
    assert.equal(2, exit)
    assert.matches("✗ debug is not allowed [policy.debug_allowed]\n      bit       19 of POLICY\n"
      .. "      expected  DEBUG clear\n      found     DEBUG set\n", out, 1, true)
    assert.matches("✓ the report is genuine", out, 1, true)
  end)
end)
