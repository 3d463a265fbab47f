--- Errors as values: what an operation that failed returns after nil.
---
--- An error is a table `{ kind, message, … }` that prints as its message. `kind` is one of the list
--- below, for programs; `message` is for people; other fields (`op`, `path`, `cause` …) say more.

local M = {}

local KINDS = {
  backend_unavailable = true, creation_failed = true, exec_failed = true, timeout = true,
  policy_violation = true, attestation_failed = true, invalid_transition = true,
  invalid_argument = true, io = true, cancelled = true,
}

---@class kavach.Error
---@field kind string
---@field message string
---@field op string? the operation that failed
---@field cause any? what made it fail, if that was an error too
local Error = {}
Error.__index = Error
Error.__name = "kavach.Error"
M.class = Error -- by which the prompt knows its objects

function Error:__tostring()
  return self.message
end

--- Makes an error value. A kind that is not of the list is a mistake in the caller, and raises.
---@param kind string
---@param message string
---@param fields table? copied into the error
---@return kavach.Error
function M.new(kind, message, fields)
  if not KINDS[kind] then
    error(("err.new: unknown kind %q"):format(tostring(kind)), 2)
  end
  local e = {}
  for key, value in next, fields or {} do
    e[key] = value
  end
  e.kind, e.message = kind, tostring(message)
  return setmetatable(e, Error)
end

--- Whether `value` is an error value, and of that kind if one is given.
---@param value any
---@param kind string?
---@return boolean
function M.is(value, kind)
  return getmetatable(value) == Error and (kind == nil or value.kind == kind)
end

--- `return err.fail(…)` for `return nil, err.new(…)`.
---@return nil, kavach.Error
function M.fail(kind, message, fields)
  if not KINDS[kind] then
    error(("err.fail: unknown kind %q"):format(tostring(kind)), 2)
  end
  return nil, M.new(kind, message, fields)
end

--- An error that says what was being done when `cause` happened: "WHAT: CAUSE". The cause (an error
--- value, or whatever was raised) stays as the field `cause`. Its kind is kept unless one is given;
--- what has none counts as `io`.
---@param cause any
---@param what string
---@param kind string?
---@param fields table?
---@return kavach.Error
function M.wrap(cause, what, kind, fields)
  kind = kind or (M.is(cause) and cause.kind) or "io"
  if not KINDS[kind] then
    error(("err.wrap: unknown kind %q"):format(tostring(kind)), 2)
  end
  local e = M.new(kind, ("%s: %s"):format(what, tostring(cause)), fields)
  e.cause = cause
  return e
end

return M
