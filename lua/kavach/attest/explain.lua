--- Decisions in words. All text that came with the evidence is escaped.

local plain = require "kavach.plain"

local M = {}

local STYLES <const> = { good = "\27[32m", bad = "\27[31m", dim = "\27[2m", strong = "\27[1m" }
local RESET <const> = "\27[0m"
local REASONS_IN_LINE <const>, WIDTH <const> = 4, 80

local function painter(color)
  return function(style, text)
    return color and STYLES[style] .. text .. RESET or text
  end
end

local OUTCOMES <const> = {
  allowed = "allowed", denied = "denied", undecided = "not verified",
}

local function source_of(decision)
  local about = decision.evidence
  local source = about.source and plain.text(about.source) or "evidence"
  return about.line and ("%s line %d"):format(source, about.line) or source
end

local function policy_of(decision)
  local version = decision.policy_version and " " .. plain.text(decision.policy_version) or ""
  return ("%s%s%s"):format(plain.text(decision.policy), version,
    decision.structural and ", structural: whoever signed it" or "")
end

-- ---- what it is --------------------------------------------------------------------------------

-- What the evidence was taken for.
local function evidence_of(about)
  if not about.kind then return nil end
  local encoding = about.encoding ~= "none" and about.encoding .. " of a " or ""
  local maker = about.made_by and ", made by " .. plain.text(about.made_by) or ""
  return encoding .. about.kind .. maker
end

local ROOTS <const> = { amd = "AMD's root", given = "a root that was given" }
local KEYS <const> = { vek = "VCEK or VLEK", ask = "ASK or ASVK", ark = "ARK" }

local function report_of(decision)
  if not decision.report_version then return nil end
  local words = {
    ("version %d"):format(decision.report_version), decision.product or "product not told",
  }
  if decision.signed_by then
    words[#words + 1] = ("with a %s%s"):format(decision.signed_by:upper(),
      decision.csp_id and " of " .. plain.text(decision.csp_id) or "")
  end
  if decision.root then words[#words + 1] = "under " .. ROOTS[decision.root] end
  return table.concat(words, ", ")
end

local function genuineness(decision, paint)
  local word = decision.genuine and paint("good", "yes") or paint("bad", "no")
  if decision.simulated then
    word = ("%s; %s: made by a platform emulator, on no confidential hardware"):format(word,
      paint("bad", "SIMULATED"))
  end
  if decision.missing then
    word = word .. ("; no certificate to verify it with: the %s is missing")
      :format(KEYS[decision.missing])
  end
  return word
end

-- ---- checks ------------------------------------------------------------------------------------

local function about_field(check)
  return check.field and (" [%s]"):format(check.field) or ""
end

local function failure(check, paint)
  local lines = { ("  %s %s%s"):format(paint("bad", "✗"), plain.text(check.name),
    paint("dim", about_field(check))) }
  for _, key in ipairs { "expected", "found", "reason" } do
    if check[key] then
      lines[#lines + 1] = ("      %-8s  %s"):format(key == "reason" and "why" or key,
        plain.text(check[key]))
    end
  end
  return table.concat(lines, "\n")
end

-- The names of checks by what they have as reason, in the order of the first of each.
local function by_reason(checks)
  local reasons, names = {}, {}
  for _, check in ipairs(checks) do
    local reason = check.reason or "no reason"
    if not names[reason] then
      reasons[#reasons + 1], names[reason] = reason, {}
    end
    table.insert(names[reason], check.id)
  end
  return reasons, names
end

-- Words in lines that fit a terminal.
local function wrapped(words)
  local lines = { words[1] }
  for i = 2, #words do
    local longer = lines[#lines] .. " " .. words[i]
    lines[#longer <= WIDTH and #lines or #lines + 1] = #longer <= WIDTH and longer or words[i]
  end
  return lines
end

local function sort_checks(decision)
  local sorted = { fail = {}, warn = {}, lack = {}, skip = {}, passed = 0 }
  for _, check in ipairs(decision.checks) do
    if check.status == "pass" then
      sorted.passed = sorted.passed + 1
    else
      local kind = check.status == "fail" and (check.decides and "fail" or "warn")
        or (check.decides and "lack" or "skip")
      table.insert(sorted[kind], check)
    end
  end
  return sorted
end

local function add_failures(lines, title, checks, paint)
  if #checks == 0 then return end
  lines[#lines + 1] = title
  for _, check in ipairs(checks) do lines[#lines + 1] = failure(check, paint) end
end

local function add_unchecked(lines, title, checks, paint)
  if #checks == 0 then return end
  lines[#lines + 1] = title
  local reasons, names = by_reason(checks)
  for _, reason in ipairs(reasons) do
    lines[#lines + 1] = ("  - %s:"):format(plain.text(reason))
    for _, line in ipairs(wrapped(names[reason])) do
      lines[#lines + 1] = "      " .. paint("dim", line)
    end
  end
end

-- ---- all ---------------------------------------------------------------------------------------

-- The first few checks that keep evidence from being allowed.
local function add_reasons(words, reasons)
  for i = 1, math.min(#reasons, REASONS_IN_LINE) do
    local check = reasons[i]
    words[#words + 1] = ("%s %s"):format(i == 1 and ":" or ",", check.id)
    if check.stage == "read" then words[#words + 1] = " " .. plain.text(check.found) end
  end
  if #reasons > REASONS_IN_LINE then
    words[#words + 1] = (" and %d more"):format(#reasons - REASONS_IN_LINE)
  end
end

--- A decision in one line: what was judged, how, and what keeps it from being allowed.
---@param decision kavach.Decision
---@param options { color: boolean? }?
---@return string
function M.line(decision, options)
  local paint = painter(options and options.color)
  local outcome = decision:outcome()
  local words = { ("%s: %s"):format(source_of(decision),
    paint(outcome == "allowed" and "good" or "bad", OUTCOMES[outcome])) }
  local about = { decision.genuine and "genuine" or "not genuine" }
  if decision.simulated then about[#about + 1] = "SIMULATED" end
  about[#about + 1] = decision.product
  about[#about + 1] = "policy " .. policy_of(decision)
  words[#words + 1] = (" (%s)"):format(table.concat(about, ", "))
  if decision.missing then
    words[#words + 1] = (": the %s is missing"):format(KEYS[decision.missing])
  end
  if outcome ~= "undecided" or decision.error then add_reasons(words, decision:reasons()) end
  return table.concat(words)
end
--- A decision in full: every failure with what was expected and found, and what was not checked.
---@param decision kavach.Decision
---@param options { color: boolean? }?
---@return string
function M.text(decision, options)
  local paint = painter(options and options.color)
  local outcome, sorted = decision:outcome(), sort_checks(decision)
  local lines = { ("%s: %s"):format(paint("strong", source_of(decision)),
    paint(outcome == "allowed" and "good" or "bad", OUTCOMES[outcome]:upper())) }
  local function add(name, value)
    if value then lines[#lines + 1] = ("  %-10s%s"):format(name, value) end
  end
  add("policy", policy_of(decision))
  add("evidence", evidence_of(decision.evidence))
  add("report", report_of(decision))
  if decision.report_version then add("genuine", genuineness(decision, paint)) end
  add_failures(lines, paint("strong", "failed"), sorted.fail, paint)
  add_unchecked(lines, paint("strong", "not checked, though the policy asks for it"), sorted.lack,
    paint)
  add_failures(lines, paint("strong", "wrong, but the policy does not mind"), sorted.warn, paint)
  add_unchecked(lines, paint("strong", "not checked"), sorted.skip, paint)
  lines[#lines + 1] = ("%d checks passed, %d failed, %d not made"):format(sorted.passed,
    #sorted.fail + #sorted.warn, #sorted.lack + #sorted.skip)
  return table.concat(lines, "\n") .. "\n"
end

return M
