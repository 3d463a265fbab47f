--- Runs attempts of jobs, as a batch would.

local attempt = require "kavach.batch.attempt"

local M = {}

local number = 0

--- A job as kavach.batch.job gives it.
function M.job(more)
  local job = {
    id = "some/job", sandbox = false, reuse = false, timeout_ms = 30000, grace_ms = 500,
    max_output = 16 * 1024 * 1024,
  }
  for key, value in pairs(more) do job[key] = value end
  return job
end

--- A context with a folder of its own below `parent`, which is not there yet.
function M.context(parent, more)
  number = number + 1
  local context = {
    folder = ("%s/results/%d"):format(parent, number), batch = "some-batch", number = 2, slot = 3,
    run = "uuid:7",
  }
  for key, value in pairs(more or {}) do context[key] = value end
  return context
end

--- Runs a job: what became of it, and its context.
function M.run(parent, job, more)
  local context = M.context(parent, more)
  return attempt.run(M.job(job), context), context
end

return M
