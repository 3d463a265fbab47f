--- How jobs come to their end: what became of an attempt is written, then told, and then has its
--- consequences. Methods of a schedule.

local command = require "kavach.batch.report.command"
local core = require "kavach.core"
local graph = require "kavach.batch.graph"
local halt = require "kavach.batch.halt"
local task = require "kavach.task"

---@class kavach.batch.schedule
local M = {}

-- ---- those that need others -------------------------------------------------------------------

---A job's last word, which is durable.
---@param job kavach.batch.job
---@param state string
function M:settled(job, state)
  self.live[job.id] = nil
  self.counts[state] = self.counts[state] + 1
  self.source:settled(job, state)
  self:was_settled(job, state)
end

---Those that need a job which has come to its end, in this run or an earlier one, go on, or never
---will.
---@param job kavach.batch.job
---@param state string? job.state
function M:was_settled(job, state)
  local ready, broken = self.graph:settle(job.id, state or job.state)
  for _, each in ipairs(ready) do self.queue:add(each) end
  for _, each in ipairs(broken) do self:skip(each, job.id) end
end

---Ends a job without an attempt.
---@param job kavach.batch.job
---@param state "skipped"|"cancelled"
---@param reason string
function M:settle(job, state, reason)
  if self.abandoned then return end
  self.unfinished = self.unfinished + 1
  self.journal:settle({ job.seq }, state, reason, function(ok, why)
    self.unfinished = self.unfinished - 1
    if ok then
      self:tell { event = state, job = job.id, seq = job.seq, tag = job.tag, reason = reason }
      self:settled(job, state)
    else
      self:trouble(why)
    end
    self:dispatch()
  end)
end

---A job that needs one which has not succeeded is not run.
---@param job kavach.batch.job
---@param id string
function M:skip(job, id)
  self:settle(job, "skipped",
    ("it needs %s, which has not succeeded"):format(graph.shown(id)))
end

-- ---- the end of an attempt --------------------------------------------------------------------

-- Another try, when its time has come.
local function try_later(self, job, ms)
  self.retry_count = self.retry_count + 1
  self.retrying[job] = core.timer(ms, function()
    self.retrying[job], self.retry_count = nil, self.retry_count - 1
    self.queue:add(job)
    self:dispatch()
  end)
end

-- Counts an end, durable or not: what is to halt must not start more meanwhile.
local function check_halt(self, state)
  if state ~= "done" and state ~= "failed" then return end
  self.ended[state] = self.ended[state] + 1
  if self.stopping or not halt.is_due(self.halt, self.ended, self.total) then return end
  local how = self.halt.when == "now" and "cancel" or "drain"
  self:stop(how, halt.text(self.halt), "halted")
end

---What became of an attempt is durable.
---@param place table slot, job, number
---@param record table
---@param retry_ms integer?
function M:committed(place, record, retry_ms)
  local job, state = place.job, record.state
  job.attempts = place.number
  self:tell {
    event = "ended", job = job.id, seq = job.seq, attempt = place.number, slot = place.slot,
    tag = job.tag, command = command.of(job.command), state = state, retry_ms = retry_ms,
    result = record, reason = record.reason,
  }
  if state == "retry" and job.cancelled then -- while this was being written
    self:settle(job, "cancelled", job.cancelled)
  elseif state == "retry" then
    if not self.stopping then try_later(self, job, retry_ms) end
  elseif state == "waiting" then
    self.live[job.id] = nil -- a later run's
  else
    self:settled(job, state)
  end
end

---Gives what became of an attempt to the journal.
---@param place table
---@param record table
---@param retry_ms integer?
function M:commit(place, record, retry_ms)
  self.unfinished = self.unfinished + 1
  check_halt(self, record.state)
  self.journal:finish(place.job.seq, place.number, record, function(ok, why)
    self.unfinished = self.unfinished - 1
    if ok then
      self:committed(place, record, retry_ms)
    else
      self.unwritten[#self.unwritten + 1] = { place, record, retry_ms }
      self:trouble(why)
    end
    self:dispatch()
  end)
end

---Gives to the journal once more what could not be written, now that nothing else runs.
---@return boolean whether all is written
function M:write_rest()
  local rest = self.unwritten
  if #rest == 0 or self.failure.fenced then return #rest == 0 end
  self.unwritten, self.over = {}, task.event()
  self.journal:retry()
  for _, each in ipairs(rest) do self:commit(table.unpack(each, 1, 3)) end
  self.over:wait()
  return #self.unwritten == 0
end

return M
