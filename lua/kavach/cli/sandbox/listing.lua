--- The sandboxes of this user as the rows of a table.

local plain = require "kavach.plain"
local tables = require "kavach.cli.table"

local M = {}

local COMMANDS_SHOWN <const> = 40

local function commands(list)
  local out = {}
  for i, each in ipairs(list) do out[i] = plain.text(tostring(each.command)) end
  return tables.cut(table.concat(out, ", "), COMMANDS_SHOWN)
end

local function used(box)
  return box.pss_kb and tables.size(box.pss_kb * 1024) or "-"
end

local function row(box)
  return { box.name or "-", box.id, box.state, box.backend, ("%g"):format(box.cpus),
    ("%dM"):format(box.memory_mb), used(box), tables.age(box.age_ms), commands(box.commands) }
end

local HEAD <const> = { "NAME", "ID", "STATE", "BACKEND", "CPUS", "MEMORY", "USED", "AGE",
  "COMMANDS" }

--- A row for each, beneath their heads.
---@param found table[] as `look_around` of kavach.sandbox.control.client has them
---@return string[][]
function M.rows(found)
  local rows = { HEAD }
  for _, each in ipairs(found) do
    if each.busy then rows[#rows + 1] = { "-", each.host:match "^%d+", "busy" } end
    for _, box in ipairs(each.sandboxes) do rows[#rows + 1] = row(box) end
  end
  return rows
end

return M
