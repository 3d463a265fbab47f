--- What may be done to a batch that runs. Methods of a schedule.

local core = require "kavach.core"
local err = require "kavach.err"
local graph = require "kavach.batch.graph"

---@class kavach.batch.schedule
local M = {}

local PAUSE_MS <const> = 3600000

---Starts no more. "drain": what runs comes to its end; "cancel": it is ended.
---@param how "drain"|"cancel"
---@param why string for people
---@param ending string for the journal
function M:stop(how, why, ending)
  if self.stopping and (self.stopping.how == "cancel" or how == "drain") then return end
  ending = self.stopping and self.stopping.ending or ending
  self.stopping = { how = how, why = why, ending = ending }
  self:tell { event = how == "drain" and "draining" or "cancelling", why = why,
    running = self.running_count }
  for _, timer in next, self.retrying do timer:close() end
  self.retrying, self.retry_count = {}, 0
  if self.feeder then self.feeder:cancel(why) end
  if how == "cancel" then
    for _, place in next, self.running do place.worker:cancel(why) end
  end
  self:dispatch()
end

---The journal cannot be written, or the source cannot be read: no more is started, and what runs
---comes to its end.
---@param why kavach.Error
---@param ending string? "journal"
function M:trouble(why, ending)
  if self.failure then return end
  self.failure = why
  self:tell { event = "trouble", message = tostring(why) }
  if why.fenced then
    self:stop("cancel", "what runs is not this process's any more", ending or "journal")
  else
    self:stop("drain", "no more is started", ending or "journal")
  end
end

-- What has the loop go on, so that whoever lets the batch continue can be heard.
local function keep_waiting(self)
  self.pause_timer = core.timer(PAUSE_MS, function() keep_waiting(self) end)
end

function M:pause()
  if self.paused then return end
  self.paused = true
  keep_waiting(self)
  self:tell { event = "paused" }
end

function M:continue()
  if not self.paused then return end
  self.paused = false
  self.pause_timer:close()
  self:tell { event = "continued" }
  self:dispatch()
end

---How many run at a time from now on. What runs goes on.
---@param jobs integer
function M:set_jobs(jobs)
  self.jobs = jobs
  self:tell { event = "jobs", jobs = jobs }
  self:call()
  self:dispatch()
end

---Cancels one job, wherever it is on its way.
---@param id string
---@param reason string
---@return boolean? true
---@return kavach.Error?
function M:cancel(id, reason)
  local job = self.live[id]
  if not job then
    return err.fail("invalid_argument", ("there is no job %s that waits or runs"):format(
      graph.shown(id)))
  end
  for _, place in next, self.running do
    if place.job == job then
      place.cancelled = reason
      place.worker:cancel(reason)
      return true
    end
  end
  local timer = self.retrying[job]
  if timer then
    timer:close()
    self.retrying[job], self.retry_count = nil, self.retry_count - 1
  elseif self.claimed:remove(job) then
    self:release { job }
  elseif not self.graph:remove(job) and not self.queue:remove(job) then
    job.cancelled = reason -- its claim, or its end, is being written: when that is through
    return true
  end
  self:settle(job, "cancelled", reason)
  return true
end

---How many jobs are in which state.
---@return kavach.BatchCounts
function M:tally()
  local counts, sum = { running = 0, retry = self.retry_count }, 0
  for slot = 1, self.highest do
    if self.running[slot] then counts.running = counts.running + 1 end
  end
  for state, count in next, self.counts do
    counts[state] = count + (self.earlier[state] or 0)
    sum = sum + counts[state]
  end
  counts.total = self.total
  -- What earlier runs have ended may not have been seen yet.
  counts.waiting =
    math.max((self.total or self.seen or 0) - sum - counts.running - counts.retry, 0)
  return counts
end

---What a display shows.
---@return table
function M:snapshot()
  local running, now = {}, core.now()
  for slot = 1, self.highest do
    local place = self.running[slot]
    running[#running + 1] = place and {
      job = place.job.id, slot = slot, attempt = place.number, age_ms = now - place.began,
      last_line = place.last_line and place.last_line() or nil,
    } or nil
  end
  return {
    jobs = self.jobs, running = running, counts = self:tally(), paused = self.paused or false,
    draining = self.stopping and (self.stopping.how == "drain" or "cancelling") or false,
  }
end

return M
