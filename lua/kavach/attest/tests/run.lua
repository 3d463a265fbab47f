--- Runs one test file. It is text like a policy's, and runs in the same kind of VM; what it asks
--- about evidence is decided here, and by the policy's own workers, between two runs of it.

local core = require "kavach.core"
local err = require "kavach.err"
local evidence_of = require "kavach.attest.tests.evidence"
local files = require "kavach.attest.script.files"
local json = require "kavach.json"
local plain = require "kavach.plain"
local script = require "kavach.attest.script"
local verify = require "kavach.attest.verify"

local M = {}

-- A test evaluates at most so often.
local EVALUATIONS_MAX <const> = 100
-- The budget of a test file, whose tests all run at once.
local STEPS <const>, MEMORY_MB <const> = 20000000, 64

local NAMES <const> = "describe, it, given, evidence, evaluate, filled, assert, cases, policy, "
  .. "version, description, include, expect, rule, any_of, all_of"

-- ---- the file ----------------------------------------------------------------------------------

local prelude

-- The text of a file of this folder, in one line.
local function text_of(name)
  local path = assert(package.searchpath("kavach.attest.tests." .. name, package.path))
  local parts = {}
  for line in io.lines(path) do
    if not line:find "^%s*%-%-" then parts[#parts + 1] = line end
  end
  return table.concat(parts, " ")
end

-- What stands in front of the file's text, in its first line.
local function head()
  prelude = prelude
    or ("local %s = (function(assertions_of) %s end)(function(...) %s end) "):format(NAMES,
      text_of "prelude", text_of "assertions")
  return prelude
end

local function options_of()
  return script.options({ steps = STEPS, memory_mb = MEMORY_MB }, 1)
end

-- Runs the file with what is known: the entries of its tests.
local function round(self, known)
  local given = {
    path = self.path, folder = self.folder, files = { self.source }, data_names = {}, data = {},
    data_size = 0,
  }
  for name, value in next, known do
    given.data_names[#given.data_names + 1] = name
    given.data[name] = assert(json.encode(value))
    given.data_size = given.data_size + #given.data[name]
  end
  table.sort(given.data_names)
  local described, runner = script.start(given, options_of())
  if not described then return nil, runner end
  runner:close()
  local entries = {}
  for _, statement in ipairs(described.statements) do
    for _, entry in ipairs(statement.requires.tests) do entries[#entries + 1] = entry end
  end
  return entries
end

local function read(path)
  local given, why = files.read(path, {})
  if not given then return nil, why end
  local source = given.files[1]
  return { path = path, folder = given.folder,
    source = { name = source.name, text = head() .. source.text } }
end

-- ---- policies ----------------------------------------------------------------------------------

-- The policy's file, and its data: tables are data themselves, texts are names of files.
local function policy_text(self, context)
  local name = context.policy or self.source.name:gsub("_test%.lua$", ".lua")
  if type(name) ~= "string" or name:find "/" or not name:find "%.lua$" then
    return err.fail("invalid_argument",
      "given: policy: the name of a file in the same folder is needed, with .lua")
  end
  local given, why = files.read(self.folder .. name, {})
  if not given then return nil, why end
  for data_name, value in next, context.data or {} do
    local text
    if type(value) == "string" then
      text, why = files.data(self.folder, value)
    else
      text, why = json.encode(value)
    end
    if not text then return nil, err.wrap(why, ("data '%s'"):format(data_name)) end
    given.data_names[#given.data_names + 1] = data_name
    given.data[data_name], given.data_size = text, given.data_size + #text
  end
  table.sort(given.data_names)
  return given
end

local function policy_of(self, context)
  local key = assert(json.encode(context))
  local known = self.policies[key]
  if known then return known.policy, known.why end
  local given, why = policy_text(self, context)
  local policy
  if given then
    local options = script.options({}, 1)
    options.cover = self.coverage ~= nil
    policy, why = script.make(given, options)
  end
  if policy and self.coverage then self.coverage:watch(policy) end
  self.policies[key] = { policy = policy, why = why }
  return policy, why
end

-- ---- decisions ---------------------------------------------------------------------------------

-- What a test sees of a decision. Of checks of authenticity, "policy.genuine" stands for all.
local function answer_of(decision)
  local out = {
    allow = decision.allow, outcome = decision:outcome(), genuine = decision.genuine,
    simulated = decision.simulated, denied_by = json.array(), reasons = json.array(), checks = {},
  }
  local function text(value) return value and plain.text(value) end
  for _, check in ipairs(decision.checks) do
    local about = {
      id = check.id, name = text(check.name), status = check.status, decides = check.decides,
      expected = text(check.expected), found = text(check.found), reason = text(check.reason),
    }
    out.checks[check.id] = about
    local own = check.stage == "policy" or check.stage == "read"
    if own and check.decides and check.status ~= "pass" then
      table.insert(out.denied_by, check.id)
      table.insert(out.reasons, about)
    end
  end
  return out
end

local function decide(self, asked)
  local policy, why = policy_of(self, asked.context or {})
  if not policy then return nil, why end
  local evidence, about = evidence_of.of(asked, self.folder)
  if not evidence then return nil, about end
  about.policy = policy
  local result, message, kind = about.trust.verifier:verify(verify.input(evidence, about))
  if result and about.as_amd and result.root == "given" then result.root = "amd" end
  local decision = verify.decide(evidence, result, about, message, kind)
  if self.coverage then self.coverage:note(policy, decision) end
  return answer_of(decision)
end

-- ---- rounds ------------------------------------------------------------------------------------

local function where_of(entry, source)
  local line = entry.where:match ":(%d+): $"
  return { name = entry.name, file = source.path, line = math.tointeger(tonumber(line)) }
end

-- Decides what the entry asks for. Returns whether the file must run once more.
local function answer(self, entry, known, test)
  if entry.evaluations > EVALUATIONS_MAX then
    test.passed = false
    test.message = ("it evaluates more than %d times"):format(EVALUATIONS_MAX)
    known.chosen[entry.index] = false
    return
  end
  local begun = core.hrtime()
  local decision, why = decide(self, entry.asks)
  local key = ("%d.%d"):format(entry.index, entry.evaluations)
  known.answers[key] = decision or { error = plain.text(tostring(why)) }
  test.duration_ms = (test.duration_ms or 0) + (core.hrtime() - begun) / 1000000
end

-- Runs the file until each chosen test has come to something.
local function run_rounds(self, tests, chosen)
  local known, rounds = { answers = {}, chosen = chosen }, 0
  repeat
    rounds = rounds + 1
    if rounds > EVALUATIONS_MAX + 2 then -- each has answered one evaluation more
      return err.fail("invalid_argument", "its tests do not come to an end")
    end
    local entries, why = round(self, known)
    if not entries then return nil, why end
    local asked = false
    for _, entry in ipairs(entries) do
      local test = tests[entry.index]
      if not test then return err.fail("invalid_argument", "its tests are not always the same") end
      if entry.asks then
        asked = true
        answer(self, entry, known, test)
      else
        test.passed, test.message = entry.passed, entry.message and plain.text(entry.message)
      end
    end
  until not asked
  return true
end

local function choose(entries, options, source)
  local tests, chosen, list = {}, json.array(), {}
  for _, entry in ipairs(entries) do
    local test = where_of(entry, source)
    chosen[entry.index] = options.run == nil or entry.name:find(options.run) ~= nil
    if chosen[entry.index] then
      tests[entry.index] = test
      list[#list + 1] = test
    end
  end
  return tests, chosen, list
end

--- Runs a test file. Nil and an error, of kind `io` if it could not be read.
---@param path string
---@param options { run: string?, coverage: table? } run: a Lua pattern of tests' names
---@return { name: string, file: string, line: integer, passed: boolean, message: string?,
--- duration_ms: number? }[]?
---@return kavach.Error?
function M.file(path, options)
  local self, why = read(path)
  if not self then return nil, why end
  self.policies, self.coverage = {}, options.coverage
  local closing <close> = setmetatable({}, { __close = function() -- luacheck: ignore 211
    for _, known in next, self.policies do
      if known.policy then known.policy:close() end
    end
  end })
  local entries
  entries, why = round(self, { answers = {}, chosen = json.null })
  if not entries then return nil, why end
  local tests, chosen, list = choose(entries, options, self)
  if #list == 0 then return list end
  local good
  good, why = run_rounds(self, tests, chosen)
  if not good then return nil, why end
  return list
end

return M
