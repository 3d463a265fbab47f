-- What a check found, and what to do about it.

local console = require "kavach.sandbox.console"

local row = {}

---@class kavach.doctor.row
---@field state kavach.doctor.state
---@field found string
---@field command? string
---@field advice? string

local function new(state, found, what)
  what = what or {}
  return {
    state = state, found = console.printable(found), command = what.command, advice = what.advice,
  }
end

---@param found string
---@param what? { command?: string, advice?: string }
---@return kavach.doctor.row
function row.ok(found, what) return new("ok", found, what) end

---@param found string
---@param what? { command?: string, advice?: string }
---@return kavach.doctor.row
function row.warning(found, what) return new("warning", found, what) end

---@param found string
---@param what? { command?: string, advice?: string }
---@return kavach.doctor.row
function row.missing(found, what) return new("missing", found, what) end

return row
