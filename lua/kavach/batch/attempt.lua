--- One attempt of a job, from its start to what became of it: as a process of this machine, or as a
--- command in a sandbox.

local core = require "kavach.core"
local err = require "kavach.err"
local outcome = require "kavach.batch.attempt.outcome"
local output = require "kavach.batch.output"

local M = {}

---@class kavach.batch.context
---@field folder string where outputs and files go: made when it is needed, for this attempt alone
---@field batch string its name
---@field number integer of the attempt
---@field slot integer
---@field run string UUID:EPOCH, which tells the processes of one run from all others
---@field boxes? kavach.batch.boxes for jobs with `reuse`
---@field pool? kavach.Pool of sandboxes that wait, for jobs whose options are `pooled`
---@field pooled? table
---@field on_started? fun(about: { pid: integer?, pid_start: integer?, time_ns: integer? }) told, of
--- a guest, of QEMU as soon as it is known; of a process that does not end at once, when it started
---@field outputs? kavach.batch.outputs set by run

---@class kavach.batch.outputs
---@field stdout kavach.batch.output
---@field stderr kavach.batch.output
---@field latest? kavach.batch.output the one that something has come of last

-- A fault of ours fails the job, and not the whole batch.
local function failed(why)
  local result = {
    timed_out = false, oom_killed = false, duration_ms = 0, cpu_ms = 0, max_rss_kb = 0,
    started_ns = core.wall_clock(),
  }
  outcome.not_run(result, err.is(why) and why or err.wrap(why, "batch", "exec_failed"), false)
  return result
end

local function discard(outputs)
  outputs.stdout:discard()
  outputs.stderr:discard()
end

local function run(job, context, outputs)
  local way = job.sandbox and require "kavach.batch.attempt.boxed"
    or require "kavach.batch.attempt.plain"
  return way.run(job, context, outputs)
end

local function finish(outputs, result)
  result.stdout, result.stderr = outputs.stdout:finish(), outputs.stderr:finish()
end

---Runs a job once. Waits until all of it is over, and raises nothing but that its task was
---cancelled; then nothing of it runs any more.
---@param job kavach.batch.job
---@param context kavach.batch.context
---@return kavach.batch.result
function M.run(job, context)
  local folder, most = context.folder, job.max_output
  local outputs = {
    stdout = output.new { folder = folder, name = "stdout", max_output = most },
    stderr = output.new { folder = folder, name = "stderr", max_output = most },
  }
  context.outputs = outputs
  local fine, result = pcall(run, job, context, outputs)
  local cancelled = not fine and err.is(result, "cancelled") and result
  if not fine and not cancelled then result = failed(result) end
  local why
  if not cancelled then fine, why = pcall(finish, outputs, result) end
  if cancelled or not fine then
    discard(outputs)
    error(cancelled or why, 0)
  end
  result.ended_ns = core.wall_clock()
  return result
end

---The last line that an attempt has printed so far, of either stream. It comes from the job: escape
---it before it is shown.
---@param context kavach.batch.context as it was given to run
---@return string "" if there is none
function M.last_line(context)
  local latest = context.outputs and context.outputs.latest
  return latest and latest:last_line() or ""
end

return M
