--- The slots: each is a task that runs one attempt after the other.

local command = require "kavach.batch.report.command"
local err = require "kavach.err"
local graph = require "kavach.batch.graph"
local outcome = require "kavach.batch.attempt.outcome"
local retry = require "kavach.batch.retry"
local task = require "kavach.task"

local M = {}

-- What is to be said of an attempt that came to an end by itself. Returns when to try again.
local function conclude(place, record)
  local job = place.job
  record.reason = record.reason or record.error and tostring(record.error)
    or outcome.reason(record, job)
  if not record.reason then
    record.state, record.attempt_state = "done", "done"
    return nil
  end
  record.attempt_state = "failed"
  place.job.tries = (place.job.tries or 0) + 1
  local again, trouble = retry.wanted(job, job.tries, record)
  if place.worker.cancelled and (trouble or again and place.cancelled) then
    -- It was to be ended just now. The job's rule, which may wait, was so as well.
    record.state = place.cancelled and "cancelled" or "waiting"
    record.reason = place.cancelled or record.reason
    return nil
  end
  if trouble then record.reason = record.reason .. "; " .. trouble end
  record.state = again and "retry" or "failed"
  return again and retry.delay(job, job.tries) or nil
end

-- One whose result cannot be kept has none: its job is a later run's, as what the journal cannot be
-- told is.
local function forgo(self, place, record)
  local why = err.new("io", ("what job %s has brought cannot be kept: %s"):format(
    graph.shown(place.job.id), tostring(record.unkept)))
  self:trouble(why)
  return {
    state = "waiting", attempt_state = "interrupted", exit_code = -1, reason = tostring(why),
    started_ns = record.started_ns, ended_ns = record.ended_ns, duration_ms = record.duration_ms,
  }
end

-- One that was ended: for ever if it was meant by name, or else until the batch is resumed.
local function give_up(place, why)
  return {
    state = place.cancelled and "cancelled" or "waiting", attempt_state = "cancelled",
    exit_code = -1, reason = place.cancelled or tostring(why),
  }
end

-- Runs a job on a slot. False if this worker can go on no more.
local function run(self, slot, job)
  local place = self.running[slot]
  self:tell { event = "started", job = job.id, seq = job.seq, attempt = place.number, slot = slot,
    tag = job.tag, command = command.of(job.command) }
  local fine, record = pcall(self.execute, job, place)
  local cancelled = not fine and place.worker.cancelled and err.is(record, "cancelled")
  local retry_ms
  if cancelled then
    record = give_up(place, record)
  else
    -- A fault of ours is the attempt's, not the batch's.
    if not fine then record = { exit_code = -1, error = err.wrap(record, "kavach") } end
    if record.unkept then
      record = forgo(self, place, record)
    else
      retry_ms = conclude(place, record)
    end
  end
  self:leave_slot(slot)
  self:commit(place, record, retry_ms)
  return not place.worker.cancelled -- else it could wait for nothing any more
end

-- Waits for a job. One that is not wanted any more while it waits is so with all of its batch.
local function next_job(self, slot)
  return task.wait(function(done) self:become_idle(slot, done) end)
end

local function work(self, slot)
  local going = true
  while going and not self.closed and slot <= self.jobs do
    local job = next_job(self, slot)
    if not job then break end
    going = run(self, slot, job)
  end
  self.workers[slot] = nil
  if not going then self:call() end
end

---Starts the workers that are missing, in the scope that they belong to.
---@param self kavach.batch.schedule
function M.staff(self)
  self.highest = math.max(self.highest, self.jobs)
  for slot = 1, self.jobs do
    if not self.workers[slot] then self.workers[slot] = task.spawn(work, self, slot) end
  end
end

return M
