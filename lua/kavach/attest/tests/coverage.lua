--- What tests have seen of policies: lines that ran, and what each rule and requirement came to.

local lines = require "kavach.attest.tests.lines"
local snp = require "kavach.snp"

local M = {}

local GUEST_POLICY <const> = { min_abi = true, required_bits = true }
for _, bit in ipairs(snp.guest_policy_bits()) do GUEST_POLICY[bit.field] = true end

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

-- The requirement that a check is made for (kavach.attest.requirements), and, of bits and parts,
-- which of them.
local function requirement_of(id)
  local name = id:match "^policy%.(.+)$"
  if not name then return nil end
  local group, part = name:match "^(%w+)%.(.+)$"
  if not group then group, part = name:match "^(launch_tcb)%.(.+)$" end
  if group then return group, part end
  local vector = name:match "^(%w+)_mit_vector$"
  if vector then return "mitigations", vector end
  if GUEST_POLICY[name] then return "guest_policy", name end
  return name
end

local function states(requires, name, part)
  local value = requires[name]
  if value == nil then return false end
  return name ~= "guest_policy" or value[part] ~= nil
end

-- The file that states what a check is made for; nil if none does: it is made of every policy, or
-- the verifier asks for it.
local function file_of(self, script, id)
  local name, part = requirement_of(id)
  for i, statement in ipairs(script.statements) do
    local is_own = script.ids and script.ids[i] == id
    local is_required = name and statement.kind == "expect" and statement.group == 0
      and states(statement.requires, name, part)
    if is_own or is_required then return self:file(script.folder .. statement.file) end
  end
end

--- Notes what a decision's checks came to.
---@param policy kavach.Policy
---@param decision kavach.Decision
function Coverage:note(policy, decision)
  for _, check in ipairs(decision.checks) do
    local made = check.status ~= "not_checked" or check.decides
    local file = made and file_of(self, policy.script, check.id)
    if file then
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
