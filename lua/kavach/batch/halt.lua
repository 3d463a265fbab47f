--- When a batch ends before its jobs are through: as GNU parallel's --halt has it.

local M = {}

-- A share of so few jobs says little.
local LEAST_ENDED <const> = 3

---@class kavach.batch.halt as kavach.batch.options reads it
---@field when "soon"|"now" soon: what runs comes to its end
---@field what "fail"|"success"|"done"
---@field count? integer so many
---@field percent? number or such a share: of all jobs, or of those that ended while nobody knows
--- how many there will be

---@param halt kavach.batch.halt?
---@param counts { done: integer, failed: integer } of this run
---@param total integer? jobs of this run; nil: not known
---@return boolean
function M.is_due(halt, counts, total)
  if not halt then return false end
  local ended = counts.done + counts.failed
  local reached = halt.what == "fail" and counts.failed or halt.what == "success" and counts.done
    or ended
  if reached == 0 then return false end
  if halt.count then return reached >= halt.count end
  if not total and ended < LEAST_ENDED then return false end
  return reached * 100 >= halt.percent * (total or ended)
end

---What people are told.
---@param halt kavach.batch.halt
---@return string
function M.text(halt)
  local amount = halt.count and ("%d"):format(halt.count) or ("%g%%"):format(halt.percent)
  return ("--halt %s,%s=%s"):format(halt.when, halt.what, amount)
end

return M
