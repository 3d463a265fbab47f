-- What tests assert, of decisions above all. The prelude has it as a function, assertions_of, that
-- is given two of its own.

local is_evidence, ask = ...

local function text_of(value)
  if type(value) ~= "string" then return tostring(value) end
  return "'" .. value .. "'"
end

local function is_container(value)
  return type(value) == "table" or type(value) == "userdata"
end

local function same(a, b)
  if not is_container(a) or not is_container(b) then return a == b end
  for key, value in pairs(a) do
    if not same(value, b[key]) then return false end
  end
  for key in pairs(b) do
    if a[key] == nil then return false end
  end
  return true
end

local function decision_of(what)
  if is_evidence(what) then
    local answer = ask(what, 4)
    return answer
  end
  if is_container(what) and what.denied_by ~= nil then return what end
  error("assert: evidence, or a decision, is needed", 3)
end

local function told_reasons(decision)
  local parts = {}
  for _, reason in ipairs(decision.reasons) do
    parts[#parts + 1] = reason.id .. " (" .. (reason.reason or reason.found or "") .. ")"
  end
  return table.concat(parts, ", ")
end

local function is_named(reason, wanted)
  for _, name in ipairs(wanted) do
    if name == reason.id or name == reason.name then return true end
  end
  return false
end

local function reasons_problem(decision, wanted)
  if type(wanted) == "string" then wanted = { wanted } end
  local matches = #wanted == #decision.denied_by
  for _, reason in ipairs(decision.reasons) do matches = matches and is_named(reason, wanted) end
  if matches then return nil end
  return "denied, but by " .. told_reasons(decision) .. ", not by " .. table.concat(wanted, ", ")
end

local function says(decision, text)
  for _, reason in ipairs(decision.reasons) do
    if contains(reason.reason or "", text) or contains(reason.found or "", text) then
      return true
    end
  end
  return false
end

local function allowed_problem(decision)
  if not decision.allow then return "denied by " .. told_reasons(decision) end
end

local function denied_problem(decision, by, text)
  if decision.allow then return "allowed" end
  local problem = by ~= nil and reasons_problem(decision, by)
  if problem then return problem end
  if text ~= nil and not says(decision, text) then
    return "no reason says '" .. text .. "': " .. told_reasons(decision)
  end
end

local plain_assert = assert
local assertions = {
  allowed = function(what)
    local decision = decision_of(what)
    local problem = allowed_problem(decision)
    if problem then error(problem, 2) end
    return decision
  end,
  denied = function(what, by, text)
    local decision = decision_of(what)
    local problem = denied_problem(decision, by, text)
    if problem then error(problem, 2) end
    return decision
  end,
  equal = function(wanted, found)
    if wanted ~= found then
      error("expected " .. text_of(wanted) .. ", found " .. text_of(found), 2)
    end
  end,
  same = function(wanted, found)
    if not same(wanted, found) then error("the two are not the same", 2) end
  end,
  is_true = function(found)
    if found ~= true then error("expected true, found " .. text_of(found), 2) end
  end,
  is_false = function(found)
    if found ~= false then error("expected false, found " .. text_of(found), 2) end
  end,
  is_nil = function(found)
    if found ~= nil then error("expected nil, found " .. text_of(found), 2) end
  end,
  contains = function(text, part)
    if not contains(text, part) then
      error(text_of(text) .. " does not contain " .. text_of(part), 2)
    end
  end,
}
return setmetatable({}, {
  __index = function(_, name)
    local found = assertions[name]
    if found == nil then error("assert has no '" .. tostring(name) .. "'", 2) end
    return found
  end,
  __call = function(_, ...) return plain_assert(...) end,
}), allowed_problem, denied_problem
