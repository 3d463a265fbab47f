--- A decision as the policy's author reads it: each requirement and rule, whether it was met, what
--- was expected and what was found; of a rule that was not, the fields that it read.

local plain = require "kavach.plain"
local snp = require "kavach.snp"

local M = {}

local STYLES <const> = { good = "\27[32m", bad = "\27[31m", dim = "\27[2m", strong = "\27[1m" }
local RESET <const> = "\27[0m"
local OUTCOMES <const> = {
  allowed = "ALLOWED", denied = "DENIED", undecided = "NOT VERIFIED",
}
local MARKS <const> = { pass = "✓", fail = "✗", not_checked = "✗" }

local function painter(color)
  return function(style, text)
    return color and STYLES[style] .. text .. RESET or text
  end
end

-- Where a bit of the guest policy stands, by the id of its check.
local BITS <const> = {}
for _, bit in ipairs(snp.guest_policy_bits()) do
  local number = 0
  while bit.mask >> number ~= 1 do number = number + 1 end
  BITS["policy." .. bit.field] = ("%d of POLICY"):format(number)
end

-- ---- one check ---------------------------------------------------------------------------------

local function details(lines, check, reads)
  local function add(what, text)
    if text then lines[#lines + 1] = ("      %-8s  %s"):format(what, plain.text(text)) end
  end
  if check.status ~= "pass" then
    add(check.status == "fail" and "why" or "unknown", check.reason)
  end
  add("bit", BITS[check.id])
  add("expected", check.expected)
  if not reads then return add("found", check.found) end
  for i, read in ipairs(reads) do add(i == 1 and "read" or "", read) end
end

local function add_check(lines, check, paint)
  local mark = MARKS[check.status]
  local met = check.status == "pass"
  local beside = not check.decides and not met and "  (another way is met)" or ""
  lines[#lines + 1] = ("  %s %s %s%s"):format(paint(met and "good" or "bad", mark),
    plain.text(check.name), paint("dim", "[" .. check.id .. "]"), beside)
  details(lines, check, check.reads and #check.reads > 0 and check.reads or nil)
end

-- ---- all ---------------------------------------------------------------------------------------

local function is_rule(check)
  return check.id:find "^rule%." or check.id:find "^any_of%." or check.id:find "^all_of%."
    or check.id:find "^expect%."
end

-- What decides, in three parts. Of authenticity only what fails is listed: "policy.genuine" stands
-- for all of it.
local function sort_checks(decision)
  local authenticity, requirements, rules = {}, {}, {}
  for _, check in ipairs(decision.checks) do
    if is_rule(check) then
      rules[#rules + 1] = check
    elseif check.decides and check.stage == "policy" then
      requirements[#requirements + 1] = check
    elseif check.decides and check.status ~= "pass" then
      authenticity[#authenticity + 1] = check
    end
  end
  return authenticity, requirements, rules
end

local function add_part(lines, title, checks, paint)
  if #checks == 0 then return end
  lines[#lines + 1] = paint("strong", title)
  for _, check in ipairs(checks) do add_check(lines, check, paint) end
end

local function short(digest) return digest:sub(1, 16) end

local function policy_of(decision)
  local words = { plain.text(decision.policy) }
  if decision.policy_version then words[2] = plain.text(decision.policy_version) end
  if decision.policy_digest then
    words[#words + 1] = ("(sha256 %s…)"):format(short(decision.policy_digest))
  end
  return table.concat(words, " ")
end

local function names_of(data)
  local names = {}
  for name in next, data or {} do names[#names + 1] = name end
  table.sort(names)
  return names
end

local function add_head(lines, decision, paint)
  local outcome = decision:outcome()
  lines[1] = ("%s by policy %s: %s"):format(
    plain.text(decision.evidence.source or "the evidence"), policy_of(decision),
    paint(outcome == "allowed" and "good" or "bad", OUTCOMES[outcome]))
  for _, name in ipairs(names_of(decision.data)) do
    lines[#lines + 1] = ("  data %s (sha256 %s…)"):format(name, short(decision.data[name]))
  end
  if decision.structural then
    lines[#lines + 1] = "  structural: it looks at fields alone, whoever signed them"
  end
  if decision.simulated then
    lines[#lines + 1] = paint("bad", "  SIMULATED") .. ": made by a platform emulator"
  end
  if decision.missing then
    lines[#lines + 1] = ("  no certificate to verify it with: the %s is missing"):format(
      decision.missing:upper())
  end
end

local function add_end(lines, decision)
  local reasons = {}
  for i, check in ipairs(decision:reasons()) do reasons[i] = check.id end
  if decision.allow then
    lines[#lines + 1] = "allowed: all of it is met"
  else
    lines[#lines + 1] = ("%s: %s"):format(OUTCOMES[decision:outcome()]:lower(),
      #reasons > 0 and table.concat(reasons, ", ") or "nothing was checked")
  end
  if decision.spent then
    lines[#lines + 1] = ("its rules took %d steps and %d KiB"):format(decision.spent.steps,
      (decision.spent.memory + 1023) // 1024)
  end
end

--- A decision in full, by its policy.
---@param decision kavach.Decision
---@param options { color: boolean? }?
---@return string
function M.text(decision, options)
  local paint, lines = painter(options and options.color), {}
  local authenticity, requirements, rules = sort_checks(decision)
  add_head(lines, decision, paint)
  add_part(lines, "what it is", authenticity, paint)
  add_part(lines, "requirements", requirements, paint)
  add_part(lines, "rules", rules, paint)
  add_end(lines, decision)
  return table.concat(lines, "\n") .. "\n"
end

return M
