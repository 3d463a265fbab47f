--- The checks of a decision while it is made: a list of kavach.Check.

local snp = require "kavach.snp"

local M = {}

--- A check of a decision. Evidence is allowed only if every one that `decides` passes. One that
--- does not decide was not asked for, or need not be made; nothing that was not checked counts as
--- passed.
---@class kavach.Check
---@field id string for programs: stable
---@field name string for people
---@field stage string "read", "parse", "chain", "bind", "signature", "policy"
---@field status "pass"|"fail"|"not_checked"
---@field decides boolean
---@field expected string?
---@field found string?
---@field reason string? why it was not checked, or what a failure means
---@field field string? the report's field that it is about
---@field reads string[]? of a policy's rule that did not pass: what it read, "report.vmpl = 1"

M.NOT_ASKED = "the policy does not ask for it"

local Checklist = { __name = "kavach.attest.checklist" }
Checklist.__index = Checklist

---@return table checklist
function M.new()
  return setmetatable({ checks = {} }, Checklist)
end

local function add(list, what, status, decides)
  local check = {
    id = what[1], name = what[2], field = what[3], stage = what.stage or "policy",
    status = status, decides = decides,
  }
  list.checks[#list.checks + 1] = check
  return check
end

--- Adds what the verification of a report found. `decide(check)`: whether it is decisive.
---@param checks table[]
---@param decide fun(check: table): boolean
function Checklist:take(checks, decide)
  for _, check in ipairs(checks) do
    check.decides = decide(check)
    check.optional = nil
    self.checks[#self.checks + 1] = check
  end
end

--- Adds one that was made. `what` is { id, name, field }, and `stage` if that is not "policy".
---@param what table
---@param passed boolean
---@param expected string?
---@param found string?
---@param reason string? what a failure means
function Checklist:judge(what, passed, expected, found, reason)
  local check = add(self, what, passed and "pass" or "fail", true)
  check.expected, check.found, check.reason = expected, found, not passed and reason or nil
end

--- Adds one that nobody asked for.
function Checklist:skip(what, reason, found)
  local check = add(self, what, "not_checked", false)
  check.reason, check.found = reason, found
end

--- Adds one that was asked for and cannot be made.
function Checklist:lack(what, reason, expected)
  local check = add(self, what, "not_checked", true)
  check.reason, check.expected = reason, expected
end

--- Whether every check that decides has passed, and there is one.
---@return boolean
function Checklist:allows()
  local decided = false
  for _, check in ipairs(self.checks) do
    if check.decides then
      if check.status ~= "pass" then return false end
      decided = true
    end
  end
  return decided
end

--- Bytes for people: hex, or that all are zero.
---@param bytes string
---@return string
function M.shown(bytes)
  return bytes:find "[^\0]" and snp.hex(bytes) or ("zero (%d bytes)"):format(#bytes)
end

--- The values that are allowed, for people.
---@param values string[]
---@param show fun(value: string): string
---@return string
function M.any_of(values, show)
  local most, shown = math.min(#values, 3), {}
  for i = 1, most do shown[i] = show(values[i]) end
  if #values > most then shown[#shown + 1] = ("one of %d more"):format(#values - most) end
  return table.concat(shown, " or ")
end

return M
