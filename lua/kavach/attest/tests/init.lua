--- Tests of attestation policies, in files beside them: prod_test.lua tests prod.lua.
---
---   local released = filled("ab", 48)                    -- 48 bytes in hex
---   given { data = { released = { [released] = true } } }
---
---   describe("production", function()
---     it("allows what we released", function()
---       assert.allowed(evidence.genuine { measurement = released })
---     end)
---     cases {
---       { "another image", evidence.genuine {}, denied = "the image is one that we released" },
---       { "debug", evidence.genuine { measurement = released,
---           guest_policy = { debug_allowed = true } }, denied = "policy.debug_allowed" },
---     }
---   end)
---
--- A test file is as hostile as a policy, and runs as one does; all that a policy has of Lua, it
--- has, too. And:
---
---   describe(NAME, FUNCTION), it(NAME, FUNCTION)
---   given { data = { NAME = table or "file.json" }, policy = "prod.lua" }   for what follows in
---                        this block
---   evidence.genuine { … }, .simulated { … }, .unsigned { … }, .altered { … }: see
---                        kavach.attest.tests.evidence; .file("NAME", { now =, nonce = })
---   evaluate(EVIDENCE)   the decision: allow, outcome, genuine, simulated, denied_by (a list of
---                        ids), reasons (a list of { id, name, expected, found, reason }), checks
---                        (by id: { status, decides, expected, found, reason })
---   assert.allowed(EVIDENCE or decision)
---   assert.denied(EVIDENCE or decision [, BY [, TEXT]])   BY: the id or name of a check, or a list
---                        of all that keep it from being allowed; TEXT: one of them says so
---   assert.equal, .same, .is_true, .is_false, .is_nil, .contains
---   cases { { NAME, EVIDENCE, allowed = true, or denied = BY or true, because = TEXT }, … }
---   filled(DIGITS, SIZE) two hex digits, so many times

local check = require "kavach.check"
local coverage = require "kavach.attest.tests.coverage"
local err = require "kavach.err"
local lfs = require "lfs"

local M = {}

---@class kavach.PolicyTestResult
---@field passed integer
---@field failed integer
---@field good boolean none failed, there was one, and the threshold was reached
---@field files { path: string, error: kavach.Error?, tests: table[] }[]
---@field coverage kavach.PolicyCoverage[]?
---@field below string[]? paths of policies below the threshold

local function is_pattern(text)
  if pcall(string.find, "", text) then return text end
  return nil, "a Lua pattern"
end

local OPTIONS <const> = {
  run = { type = "string", fn = is_pattern },
  coverage = { type = "boolean", default = false },
  threshold = { type = "integer", min = 0, max = 100 },
}

-- ---- finding them ------------------------------------------------------------------------------

local function add_folder(folder, found)
  local names = {}
  for name in lfs.dir(folder) do
    if name:find "%.lua$" and name:sub(1, 1) ~= "." then names[#names + 1] = name end
  end
  table.sort(names)
  for _, name in ipairs(names) do
    local list = name:find "_test%.lua$" and found.tests or found.policies
    list[#list + 1] = (folder:gsub("/*$", "")) .. "/" .. name
  end
end

local function add(path, found)
  local mode, why = lfs.attributes(path, "mode")
  if not mode then return nil, err.new("io", why) end
  if mode == "directory" then
    add_folder(path, found)
  elseif path:find "_test%.lua$" then
    table.insert(found.tests, path)
  elseif path:find "%.lua$" then
    table.insert(found.policies, path)
    local beside = path:gsub("%.lua$", "_test.lua")
    if not lfs.attributes(beside, "mode") then
      return err.fail("io", ("%s: there is no %s beside it"):format(path, beside))
    end
    table.insert(found.tests, beside)
  else
    return err.fail("invalid_argument", path .. ": a policy or a test of one ends in .lua")
  end
  return true
end

local function find(paths)
  local found = { tests = {}, policies = {} }
  for _, path in ipairs(paths) do
    local ok, why = add(path, found)
    if not ok then return nil, why end
  end
  if #found.tests > 0 then return found end
  return err.fail("io", ("there is no file with tests (…_test.lua) in %s"):format(
    table.concat(paths, ", ")))
end

-- ---- coverage ----------------------------------------------------------------------------------

-- Policies that no test has loaded have been seen by none.
local function summary(covered, policies)
  local known, list = {}, covered:summary()
  for _, one in ipairs(list) do known[one.path] = true end
  for _, path in ipairs(policies) do
    if not known[path] then list[#list + 1] = { path = path, untested = true } end
  end
  table.sort(list, function(a, b) return a.path < b.path end)
  return list
end

-- The paths of those that are below.
local function below(list, threshold)
  local paths = {}
  for _, one in ipairs(list) do
    local good = not one.untested
      and coverage.percent(one.lines.run, one.lines.runnable) >= threshold
      and coverage.percent(one.rules.seen, one.rules.outcomes) >= threshold
    if not good then paths[#paths + 1] = one.path end
  end
  return paths
end

-- ---- all ---------------------------------------------------------------------------------------

local function run_file(result, path, options)
  local tests, why = require("kavach.attest.tests.run").file(path, options)
  local file = { path = path, error = why, tests = tests or {} }
  table.insert(result.files, file)
  if why then result.failed = result.failed + 1 end
  for _, test in ipairs(file.tests) do
    local key = test.passed and "passed" or "failed"
    result[key] = result[key] + 1
  end
end

--- Runs the tests in files, in folders (every …_test.lua), or beside policies. Nil and an error, of
--- kind `io`, if there are none.
---@param paths string|string[]
---@param options kavach.PolicyTestOptions?
---@return kavach.PolicyTestResult?
---@return kavach.Error?
function M.test(paths, options)
  if type(paths) == "string" then paths = { paths } end
  if type(paths) ~= "table" or #paths == 0 then
    error("policy.test: a path, or a list of them, is needed", 2)
  end
  options = check.table(OPTIONS, options, "policy.test")
  local found, why = find(paths)
  if not found then return nil, why end
  local covered = (options.coverage or options.threshold) and coverage.new() or nil
  local result = { passed = 0, failed = 0, files = {} }
  for _, path in ipairs(found.tests) do
    run_file(result, path, { run = options.run, coverage = covered })
  end
  result.good = result.failed == 0 and result.passed > 0
  if covered then result.coverage = summary(covered, found.policies) end
  if options.threshold then
    result.below = below(result.coverage, options.threshold)
    result.good = result.good and #result.below == 0
  end
  return result
end

return M
