--- What tests have seen of policies: lines that ran, and what each rule and requirement came to.

local lines = require "kavach.attest.tests.lines"

local M = {}

---@class kavach.PolicyCoverage
---@field path string
---@field lines { runnable: integer, run: integer, missed: integer[] }
---@field rules { outcomes: integer, seen: integer, never_passed: string[], never_denied: string[] }
--- each rule, group and requirement has two outcomes

local Coverage = { __name = "kavach.attest.tests.coverage" }
Coverage.__index = Coverage

function M.new()
  return setmetatable({ files = {}, paths = {} }, Coverage)
end

-- What is known of a file by now.
function Coverage:file(path)
  local file = self.files[path]
  if not file then
    file = { runnable = {}, hits = {}, checks = {}, ids = {} }
    self.files[path] = file
    self.paths[#self.paths + 1] = path
  end
  return file
end

local function add_lines(self, script, noted)
  for i, name in ipairs(script.files) do
    local file = self:file(script.folder .. name)
    if noted[i] then lines.add_hits(noted[i].hits, file.hits) end
  end
end

-- The script's results, looked at on their way.
local function watched(self, script, runner)
  return setmetatable({
    evaluate = function(_, views)
      local results = runner:evaluate(views)
      for _, result in ipairs(results) do
        if result.lines then add_lines(self, script, result.lines) end
      end
      return results
    end,
    close = function() runner:close() end,
  }, { __index = runner })
end

--- Notes what runs of a policy from now on: one that was loaded with `cover`.
---@param policy kavach.Policy
function Coverage:watch(policy)
  local script = policy.script
  for i, name in ipairs(script.files) do
    local file = self:file(script.folder .. name)
    for line in next, lines.runnable(script.lines[i].code) do file.runnable[line] = true end
  end
  add_lines(self, script, script.lines)
  script.runner = watched(self, script, script.runner)
end

-- ---- rules -------------------------------------------------------------------------------------

-- The file that a check is about: a statement's own, or that of the whole policy.
local function file_of(self, script, id)
  for i, statement in ipairs(script.statements) do
    if script.ids and script.ids[i] == id then
      return self:file(script.folder .. statement.file)
    end
  end
  return self:file(script.folder .. script.files[1])
end

local function is_statement(script, id)
  for _, one in ipairs(script.ids or {}) do
    if one == id then return true end
  end
  return false
end

-- Checks that are made of every policy, by the requirement that asks for them: they count where the
-- policy itself says so. That of the nonce is the verifier's.
local USUAL <const> = { ["policy.genuine"] = "genuine", ["policy.simulated"] = "simulated" }

local function is_stated(script, check)
  if is_statement(script, check.id) then return true end
  local counts = check.stage == "policy" and check.decides and check.id ~= "policy.nonce"
  if not counts then return false end
  local name = USUAL[check.id]
  if not name then return true end
  for _, statement in ipairs(script.statements) do
    if statement.requires and statement.requires[name] ~= nil then return true end
  end
  return false
end

--- Notes what a decision's checks came to.
---@param policy kavach.Policy
---@param decision kavach.Decision
---@param usual table<string, boolean> ids of checks that are the verification's
function Coverage:note(policy, decision, usual)
  local script = policy.script
  for _, check in ipairs(decision.checks) do
    if not usual[check.id] and is_stated(script, check) then
      local file = file_of(self, script, check.id)
      local seen = file.checks[check.id]
      if not seen then
        seen = {}
        file.checks[check.id] = seen
        file.ids[#file.ids + 1] = check.id
      end
      seen[check.status == "pass" and "passed" or "denied"] = true
    end
  end
end

-- ---- what it comes to --------------------------------------------------------------------------

local function lines_of(file)
  local all, run, missed = 0, 0, {}
  for line in next, file.runnable do
    all = all + 1
    if file.hits[line] then run = run + 1 else missed[#missed + 1] = line end
  end
  table.sort(missed)
  return { runnable = all, run = run, missed = missed }
end

local function rules_of(file)
  local out = { outcomes = 0, seen = 0, never_passed = {}, never_denied = {} }
  for _, id in ipairs(file.ids) do
    local seen = file.checks[id]
    out.outcomes = out.outcomes + 2
    out.seen = out.seen + (seen.passed and 1 or 0) + (seen.denied and 1 or 0)
    if not seen.passed then table.insert(out.never_passed, id) end
    if not seen.denied then table.insert(out.never_denied, id) end
  end
  return out
end

--- Of each file, in the order of their paths.
---@return kavach.PolicyCoverage[]
function Coverage:summary()
  local list = {}
  table.sort(self.paths)
  for i, path in ipairs(self.paths) do
    local file = self.files[path]
    list[i] = { path = path, lines = lines_of(file), rules = rules_of(file) }
  end
  return list
end

--- A share in percent, rounded down; nothing of nothing is all of it.
---@param part integer
---@param whole integer
---@return integer
function M.percent(part, whole)
  return whole == 0 and 100 or 100 * part // whole
end

return M
