--- The checks of a policy's rules and groups, by what its script said.

local checklist = require "kavach.attest.checklist"

local M = {}

local SLUG_MAX <const> = 48

-- A rule's text as part of an id, the same wherever the rule stands.
local function slug(text)
  local out = text:lower():gsub("[^%w]+", "_"):gsub("^_", ""):gsub("_$", "")
  if #out == 0 then return "unnamed" end
  return out:sub(1, SLUG_MAX)
end

-- Ids of all statements: two texts may come to one slug.
local function ids_of(statements)
  local ids, taken = {}, {}
  for i, statement in ipairs(statements) do
    local text = statement.kind == "expect" and ("%s:%d"):format(statement.file, statement.line)
      or statement.text
    local id = ("%s.%s"):format(statement.kind, slug(text))
    local count = (taken[id] or 0) + 1
    taken[id] = count
    ids[i] = count == 1 and id or ("%s_%d"):format(id, count)
  end
  return ids
end

-- ---- rules -------------------------------------------------------------------------------------

local function shown(value)
  if value == nil then return "nil" end
  return tostring(value)
end

-- "report.vmpl = 1", "report.policy = 196608": what a rule read.
local function reads_of(reason)
  local parts = {}
  for i = 3, reason and reason.n or 0, 2 do
    parts[#parts + 1] = ("%s = %s"):format(reason[i], shown(reason[i + 1]))
  end
  return parts
end

local WORDS <const> = { f = "it returned false", n = "it returned nothing" }

-- ---- expectations in groups --------------------------------------------------------------------

-- What the policy requires is judged as it is anywhere, in a list of its own.
local function judge_expect(statement, case, made)
  local list, own = checklist.new(), setmetatable({ requires = statement.checked },
    { __index = case })
  for i, check in ipairs(made) do
    list.checks[i] = { id = check.id, status = check.status, reason = check.reason }
  end
  require("kavach.attest.bindings").check(list, own)
  require("kavach.attest.demands").check(list, own)
  local failed, decided = {}, false
  for i = #made + 1, #list.checks do
    local check = list.checks[i]
    decided = decided or check.decides
    if check.decides and check.status ~= "pass" then
      failed[#failed + 1] = ("%s (%s)"):format(check.id, check.found or check.reason or "")
    end
  end
  return decided and #failed == 0, #failed > 0 and table.concat(failed, ", ") or nil
end

-- ---- groups ------------------------------------------------------------------------------------

-- How many members a group has, and how many pass. Members come behind their group.
local function count_members(statements, passed, group)
  local all, good = 0, 0
  for i = group + 1, #statements do
    if statements[i].group == group then
      all = all + 1
      if passed[i] then good = good + 1 end
    end
  end
  return all, good
end

local function judge_groups(statements, passed)
  local counts = {}
  for i = #statements, 1, -1 do
    local kind = statements[i].kind
    if kind == "any_of" or kind == "all_of" then
      local all, good = count_members(statements, passed, i)
      counts[i] = { all = all, good = good }
      passed[i] = kind == "any_of" and good > 0 or kind == "all_of" and good == all
    end
  end
  return counts
end

-- Whether a check keeps evidence from being allowed: not in a group that passes.
local function decides(statements, passed, i)
  local group = statements[i].group
  while group > 0 do
    if passed[group] then return false end
    group = statements[group].group
  end
  return true
end

-- ---- all ---------------------------------------------------------------------------------------

local function add(list, what, passed, decisive, fields)
  list:judge(what, passed, fields.expected, fields.found, fields.reason)
  list.checks[#list.checks].decides = decisive
end

local function add_rule(list, what, letter, reason, decisive)
  if letter == "x" then
    list:lack(what, reason or "a rule before it ended the evaluation")
    list.checks[#list.checks].decides = decisive
    return
  end
  local reads = reads_of(reason)
  add(list, what, letter == "p", decisive, {
    found = #reads > 0 and table.concat(reads, ", ") or nil,
    reason = letter ~= "p" and (reason and reason[2] or WORDS[letter] or "it did not pass") or nil,
  })
  list.checks[#list.checks].reads = reads
end

local function reasons_by_statement(result)
  local reasons = {}
  for _, reason in ipairs(result.reasons or {}) do
    -- its values may be nil, so that its length is none: names stand at odd places
    local n = 2
    while reason[n + 1] ~= nil do n = n + 2 end
    reason.n = n
    reasons[reason[1]] = reason
  end
  return reasons
end

-- Which statements pass, by their number; and of expectations that do not, what fails.
local function pass(statements, letters, case, made)
  local passed, failures = {}, {}
  for i, statement in ipairs(statements) do
    if statement.kind == "rule" then
      passed[i] = letters:sub(i, i) == "p"
    elseif statement.checked then
      passed[i], failures[i] = judge_expect(statement, case, made)
    end
  end
  return passed, failures
end

local function add_group(list, what, kind, count, passed, decisive)
  add(list, what, passed, decisive, {
    expected = kind == "any_of" and "one of them passes" or "all of them pass",
    found = ("%d of %d pass"):format(count.good, count.all),
  })
end

--- Adds a check for each rule and group.
---@param list table of kavach.attest.checklist
---@param script kavach.Script
---@param result table|{ failed: string } what kavach.Script:evaluate gave for this evidence
---@param case table of kavach.attest.decision
function M.check(list, script, result, case)
  local statements, letters = script.statements, result.rules or ""
  script.ids = script.ids or ids_of(statements)
  if script.empty then
    list:judge({ "policy.empty", "the policy asks for something" }, false, "rules or expectations",
      "none")
  end
  local reasons = reasons_by_statement(result)
  local passed, failures = pass(statements, letters, case, list.checks)
  local counts = judge_groups(statements, passed)
  for i, statement in ipairs(statements) do
    local what, decisive = { script.ids[i], statement.text }, decides(statements, passed, i)
    if statement.kind == "rule" then
      local letter = result.failed and "x" or letters:sub(i, i)
      -- An evaluation that did not come to its end denies, whatever a group made of the rest.
      decisive = decisive or letter:find "[smx]" ~= nil
      add_rule(list, what, letter, result.failed or reasons[i], decisive)
    elseif counts[i] then
      add_group(list, what, statement.kind, counts[i], passed[i], decisive)
    elseif statement.checked then
      what[2] = ("what is expected in line %d of %s"):format(statement.line, statement.file)
      add(list, what, passed[i], decisive, { found = failures[i] })
    end
  end
end

return M
