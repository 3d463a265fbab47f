--- What the doctor has found, for people.

local plain = require "kavach.plain"

local M = {}

local NAME_WIDTH <const>, STATE_WIDTH <const> = 12, 7

-- What is missing and matters stands out; what is only not there does not.
local function mark(check)
  return check.required and check.state == "missing" and "MISSING" or check.state
end

--- A report in lines.
---@param report kavach.doctor.report
---@return string
function M.text(report)
  local indent, lines = (" "):rep(STATE_WIDTH + NAME_WIDTH + 2), {}
  for _, check in ipairs(report.checks) do
    lines[#lines + 1] = plain.text(("%-" .. STATE_WIDTH .. "s %-" .. NAME_WIDTH .. "s %s"):format(
      mark(check), check.name, check.found))
    if check.command then lines[#lines + 1] = indent .. "$ " .. plain.text(check.command) end
    if check.advice then lines[#lines + 1] = indent .. "-> " .. plain.text(check.advice) end
  end
  lines[#lines + 1] = ""
  lines[#lines + 1] = report.ok
    and ("Sandboxes run here, with the backend %s."):format(plain.text(tostring(report.backend)))
    or "Sandboxes do not run here until what is MISSING is put right."
  return table.concat(lines, "\n") .. "\n"
end

return M
