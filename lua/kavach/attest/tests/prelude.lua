-- What a test file has, beside what a policy has: see kavach.attest.tests. It stands in front of
-- the file's text, in its first line: comments have lines of their own, and the last statement
-- returns what kavach.attest.tests.run names. That puts assertions.lua in front of it, as a
-- function.
--
-- The file is run again and again. The first time, tests only give their names. Then those that
-- were chosen run, each up to an evaluation whose decision is not in `data` yet; what they ask for
-- is left for the host as an expectation.

local tell, answers, chosen = expect, data.answers, data.chosen
policy "tests"

local names, contexts, told, depth, count = {}, { {} }, {}, 0, 0
local running

local function place(level)
  local _, text = pcall(function() error("", level + 4) end)
  return text
end

local function flush()
  if depth > 0 or #told == 0 then return end
  tell { tests = told }
  told = {}
end

-- ---- blocks ------------------------------------------------------------------------------------

local function check_block(what, name, fn)
  if type(name) ~= "string" then error(what .. ": a name is needed", 3) end
  if type(fn) ~= "function" then error(what .. ": a function is needed", 3) end
  if running then error(what .. " is not for the inside of a test", 3) end
end

local function describe(name, fn)
  check_block("describe", name, fn)
  names[#names + 1] = name
  contexts[#contexts + 1] = contexts[#contexts]
  depth = depth + 1
  fn()
  depth = depth - 1
  contexts[#contexts] = nil
  names[#names] = nil
  flush()
end

local function run(entry, fn)
  running = { index = entry.index, asked = 0, context = contexts[#contexts] }
  local good, message = pcall(fn)
  entry.asks, entry.evaluations = running.asks, running.asked
  running = nil
  if entry.asks then return end
  entry.passed = good
  if not good then entry.message = type(message) == "string" and message or "an error" end
end

local function add_test(name, fn, where)
  count = count + 1
  names[#names + 1] = name
  local entry = { name = table.concat(names, " "), index = count, where = where }
  names[#names] = nil
  if chosen == nil then
    told[#told + 1] = entry
  elseif chosen[count] then
    run(entry, fn)
    told[#told + 1] = entry
  end
  flush()
end

local function it(name, fn)
  check_block("it", name, fn)
  add_test(name, fn, place(1))
end

local function given(context)
  if type(context) ~= "table" then error("given: a table is needed", 2) end
  if running then error("given is not for the inside of a test", 2) end
  local merged = {}
  for name, value in pairs(contexts[#contexts]) do merged[name] = value end
  for name, value in pairs(context) do
    if name ~= "data" and name ~= "policy" then
      error("given: there is no '" .. tostring(name) .. "': it has data and policy", 2)
    end
    merged[name] = value
  end
  contexts[#contexts] = merged
end

-- ---- evidence ----------------------------------------------------------------------------------

local Evidence = { __metatable = false, __name = "evidence" }

local function is_evidence(value)
  return type(value) == "table" and value.marked == Evidence
end

local function make_evidence(kind)
  return function(with)
    if with == nil then with = {} end
    if type(with) ~= "table" then error("evidence." .. kind .. ": a table is needed", 2) end
    return { marked = Evidence, kind = kind, with = with }
  end
end

local evidence = {
  genuine = make_evidence "genuine", simulated = make_evidence "simulated",
  unsigned = make_evidence "unsigned", altered = make_evidence "altered",
  file = function(name, with)
    if type(name) ~= "string" then error("evidence.file: a name is needed", 2) end
    return { marked = Evidence, kind = "file", name = name, with = with or {} }
  end,
}

local function odd_kind(value)
  local kind = type(value)
  if kind == "string" or kind == "number" or kind == "boolean" then return nil end
  if kind ~= "table" then return kind end
  for _, member in pairs(value) do
    local odd = odd_kind(member)
    if odd then return odd end
  end
end

local function ask(what, level)
  if not running then error("evaluate: only in a test", level) end
  if not is_evidence(what) then
    error("evaluate: what evidence.genuine and the others give is needed", level)
  end
  -- the last one's error was caught
  if running.asks then error("a decision is needed first", 0) end
  running.asked = running.asked + 1
  local answer = answers[running.index .. "." .. running.asked]
  if answer == nil then
    local odd = odd_kind(what.with)
    if odd then error("evidence: a " .. odd .. " is no value of it", level) end
    running.asks = {
      kind = what.kind, with = what.with, name = what.name, context = running.context,
    }
    error("a decision is needed first", 0)
  end
  if answer.error then error(answer.error, level) end
  return answer
end

local function evaluate(what)
  local answer = ask(what, 3)
  return answer
end

local function filled(digits, size)
  if type(digits) ~= "string" or #digits ~= 2 or math.type(size) ~= "integer" or size > 4096 then
    error("filled: two hex digits and a number of bytes are needed", 2)
  end
  local parts = {}
  for i = 1, size do parts[i] = digits end
  return table.concat(parts)
end

-- ---- assertions --------------------------------------------------------------------------------

local assert, allowed_problem, denied_problem = assertions_of(is_evidence, ask)

local function judge_case(case, where)
  local good, decision = pcall(ask, case[2], 0)
  if not good then error(where .. decision, 0) end
  local problem
  if case.allowed then
    problem = allowed_problem(decision)
  else
    problem = denied_problem(decision, case.denied ~= true and case.denied or nil, case.because)
  end
  if problem then error(where .. problem, 0) end
end

local function cases(list)
  for i, case in ipairs(list) do
    if type(case) ~= "table" or type(case[1]) ~= "string" or not is_evidence(case[2]) then
      error("cases: [" .. i .. "] must be { NAME, EVIDENCE, allowed = true or denied = … }", 2)
    end
    if (case.allowed and 1 or 0) + (case.denied and 1 or 0) ~= 1 then
      error("cases: [" .. i .. "] must say allowed = true or denied = …", 2)
    end
    local where = place(1)
    add_test(case[1], function() judge_case(case, where) end, where)
  end
end

local function refuse(name)
  return function() error(name .. ": a test states nothing of a policy", 2) end
end

return describe, it, given, evidence, evaluate, filled, assert, cases, refuse "policy",
  refuse "version", refuse "description", refuse "include", refuse "expect", refuse "rule",
  refuse "any_of", refuse "all_of"
