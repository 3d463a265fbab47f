--- The checks of a decision while it is made. Each is a table
---
---   { id, name, stage, status = "pass" | "fail" | "not_checked", decides, expected, found, reason,
---     field }
---
--- `decides`: evidence is allowed only if this one passes. One that does not decide was not asked
--- for, or could not be made and need not be.

local snp = require "kavach.snp"

local M = {}

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

local Checklist = { __name = "kavach.attest.checklist" }
Checklist.__index = Checklist

---@return table checklist
function M.new()
  return setmetatable({ checks = {} }, Checklist)
end

--- Adds a check whole.
function Checklist:add(check)
  self.checks[#self.checks + 1] = check
end

--- Adds one of the policy that was made. `what` is { id, name, field }.
---@param what table
---@param passed boolean
---@param expected string?
---@param found string?
---@param reason string?
function Checklist:judge(what, passed, expected, found, reason)
  self:add {
    id = what[1], name = what[2], field = what[3], stage = "policy",
    status = passed and "pass" or "fail", decides = true, expected = expected, found = found,
    reason = not passed and reason or nil,
  }
end

--- Adds one that nobody asked for.
function Checklist:skip(what, reason, found)
  self:add {
    id = what[1], name = what[2], field = what[3], stage = "policy", status = "not_checked",
    decides = false, reason = reason, found = found,
  }
end

--- Adds one that was asked for and cannot be made.
function Checklist:lack(what, reason, expected)
  self:add {
    id = what[1], name = what[2], field = what[3], stage = "policy", status = "not_checked",
    decides = true, reason = reason, expected = expected,
  }
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

return M
