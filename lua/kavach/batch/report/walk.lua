--- The jobs of a journal, each with its attempts. Both come from the journal in the order of seq
--- (and of an attempt's number), so that one pass over each is enough, and nothing has to be kept.

local M = {}

local NONE <const> = {}

---@param r table a reader of a journal
---@param filter table? as of r:jobs
---@return fun(): table?, table?  a job, and the list of its attempts
function M.jobs(r, filter)
  local next_job, next_attempt = r:jobs(filter or {}), r:attempts()
  local attempt = next_attempt()
  return function()
    local job = next_job()
    if not job then return nil end
    local list = NONE
    while attempt and attempt.seq <= job.seq do
      if attempt.seq == job.seq then
        if list == NONE then list = {} end
        list[#list + 1] = attempt
      end
      attempt = next_attempt()
    end
    return job, list
  end
end

--- How long an attempt had its slot, in ms: with the start of its guest, and the files; nil if that
--- is not known.
---@param attempt table
---@return number?
function M.held(attempt)
  local first, last = attempt.started_ns, attempt.ended_ns
  return first and last and math.max(0, last - first) / 1000000 or nil -- a clock can be set back
end

--- How long its command took, in ms; nil if it has not ended.
---@param attempt table
---@return number?
function M.took(attempt)
  return attempt.duration_ms or M.held(attempt)
end

return M
