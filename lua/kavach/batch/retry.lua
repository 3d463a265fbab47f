--- Whether a job that failed is tried again, and when.

local M = {}

---How long to wait before the next try: `retry_delay_ms`, doubled with each try, `retry_max_ms` at
---the most; of that a random part between a half and all, so that jobs which failed together do
---not come back together.
---@param job kavach.batch.job
---@param tries integer how many there were
---@param random? fun(): number from 0 up to 1
---@return integer milliseconds
function M.delay(job, tries, random)
  local whole = job.retry_delay_ms * 2.0 ^ math.min(tries - 1, 60)
  whole = math.min(whole, job.retry_max_ms)
  return math.ceil(whole * (1 + (random or math.random)()) / 2)
end

---Whether there is to be another try.
---@param job kavach.batch.job
---@param tries integer how many there were
---@param record table what became of the last: see kavach.batch.journal
---@return boolean
---@return string? trouble why the job's own predicate could not tell; then there is none
function M.wanted(job, tries, record)
  if tries > job.retries then return false end
  if not job.retry_if then return true end
  local ok, answer = pcall(job.retry_if, record, tries)
  if ok then return answer and true or false end
  return false, "retry_if: " .. tostring(answer)
end

return M
