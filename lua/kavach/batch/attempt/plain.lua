--- An attempt as a process of the host: cheap, and with all that kavach itself may do.

local core = require "kavach.core"
local environment = require "kavach.batch.attempt.environment"
local outcome = require "kavach.batch.attempt.outcome"
local process = require "kavach.process"

local M = {}

-- Jobs that are done sooner, and read nothing, are not watched while they run, nor is it noted that
-- they do: that is a third of what they cost.
local WATCH_AFTER_MS <const> = 10

-- What process.exec calls the start of the program itself.
local PROGRAM <const> = "exec"

---@param job kavach.batch.job
---@param context kavach.batch.context
---@param outputs kavach.batch.outputs
---@return kavach.batch.result
function M.run(job, context, outputs)
  local command = job.command
  local stdout, stderr = outputs.stdout, outputs.stderr
  local started_ns = core.wall_clock()
  local result, why = process.exec_checked(
    type(command) == "string" and { "/bin/sh", "-c", command } or command, {
      env = environment.list(job, context), cwd = job.cwd, stdin = job.stdin,
      stdout = "pipe", stderr = "pipe", max_output = 0,
      timeout_ms = job.timeout_ms, grace_ms = job.grace_ms, watch_after_ms = WATCH_AFTER_MS,
      on_watched = function()
        if context.on_started then context.on_started { time_ns = started_ns } end
      end,
      on_stdout = function(bytes)
        outputs.latest = stdout
        stdout:write(bytes)
      end,
      on_stderr = function(bytes)
        outputs.latest = stderr
        stderr:write(bytes)
      end,
    })
  if result then
    result.stdout_truncated, result.stderr_truncated = nil, nil
    result.oom_killed = false
    result.reason = outcome.reason(result, job)
  else
    result = {
      timed_out = false, oom_killed = false, duration_ms = 0, cpu_ms = 0, max_rss_kb = 0,
    }
    outcome.not_run(result, why, why.op == PROGRAM)
  end
  result.backend, result.started_ns = "process", started_ns
  return result
end

return M
