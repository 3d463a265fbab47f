--- One run of a batch, from the lock on its journal to its last word.

local core = require "kavach.core"
local attempt = require "kavach.batch.attempt"
local control = require "kavach.batch.control"
local err = require "kavach.err"
local exports = require "kavach.batch.exports"
local files = require "kavach.batch.files"
local graph = require "kavach.batch.graph"
local journal = require "kavach.batch.journal"
local opening = require "kavach.batch.opening"
local place = require "kavach.batch.place"
local proc = require "kavach.proc"
local recover = require "kavach.batch.recover"
local schedule = require "kavach.batch.schedule"
local source = require "kavach.batch.source"

local M = {}

-- A guest takes longer than this to start, so none is claimed ahead.
local GUEST_GUESS_MS <const> = 1000

---@class kavach.batch.summary
---@field name string
---@field counts table jobs by state, those of earlier runs too; and total
---@field ending string "done", "failed", "halted", "cancelled", "error", "journal" or "signal N"
---@field exit_code integer what `kavach batch` exits with
---@field duration_ms integer
---@field failure? kavach.Error why it could not go on
---@field lost integer results that could not be written; those jobs run again
---@field failures { option: string, error: kavach.Error }[] what of joblog, results, junit and
--- report could not be written

-- ---- what earlier runs have left --------------------------------------------------------------

local function clear(self, how)
  local reader <close>, why = journal.reader(self.where.db)
  if not reader then return nil, why end
  local boots = {}
  for _, run in ipairs(reader:runs()) do boots[run.epoch] = run.boot_id end
  local cut, unread = self.journal:interrupted()
  if not cut then return nil, unread end
  local ended, trouble = recover.clear(self.journal.about.uuid, cut, boots)
  if not ended then return nil, trouble end
  files.sweep(self.where.out, cut)
  -- Those that have come to their end for good, as far as this run is concerned.
  local counts = reader:counts()
  self.finished = { done = counts.done }
  for _, state in ipairs { "failed", "skipped", "cancelled" } do
    self.finished[state] = how.failed and 0 or counts[state]
  end
  return true
end

-- ---- one attempt ------------------------------------------------------------------------------

-- A supervisor that was killed has not ended what a process had left running behind it.
local function end_rest(record, run, job, number)
  if not record.error or record.error.op ~= "supervisor" then return end
  local ended, why = recover.clear_attempt(run, job.id, number)
  if not ended then record.reason = ("%s; %s"):format(record.reason, tostring(why)) end
end

local function executor(self)
  local name, out = self.batch.name, self.where.out
  local variable = ("%s:%d"):format(self.journal.about.uuid, self.epoch)
  return function(job, place_)
    local folder = files.folder(out, job.seq, place_.number)
    local context = {
      folder = folder.path, slot = place_.slot, number = place_.number, batch = name,
      run = variable, boxes = self.boxes, pool = self.pool, pooled = self.batch.options.sandbox,
      on_started = function(about)
        self.journal:started(job.seq, place_.number, {
          slot = place_.slot, pid = about.pid, pid_start = about.pid_start,
          time_ns = about.time_ns or core.wall_clock(),
        })
      end,
    }
    place_.last_line = function() return attempt.last_line(context) end
    local fine, record = pcall(attempt.run, job, context)
    if fine then
      end_rest(record, variable, job, place_.number)
      fine, record = pcall(folder.keep, folder, record)
    end
    if fine then return record end
    folder:remove()
    error(record, 0)
  end
end

-- ---- all of it --------------------------------------------------------------------------------

local function new_source(batch, kept, again)
  if batch.generator then
    return source.stream(function() return batch:pull() end, kept, again)
  end
  return source.list(batch.list, batch.by_id, again)
end

local function default_jobs(batch)
  local options = batch.options
  if options.jobs then return options.jobs end
  local file <close> = io.open "/proc/cpuinfo"
  local _, count = (file and file:read "a" or ""):gsub("processor%s*:", "")
  return math.max(count, 1)
end

local SIGNAL <const> = "^signal (%d+)$"

local function exit_code(result, counts)
  local ending = result.ending
  if ending == "journal" then return 3 end
  if ending == "error" then return 1 end
  local signal = ending:match(SIGNAL)
  if signal then return 128 + math.tointeger(tonumber(signal)) end
  local bad = counts.failed + counts.skipped + counts.cancelled
  return (bad > 0 or ending == "cancelled") and 2 or 0
end

local function summarise(self, result)
  local counts = self.schedule:snapshot().counts
  return {
    name = self.batch.name, counts = counts, ending = result.ending,
    exit_code = exit_code(result, counts), duration_ms = core.now() - self.began,
    failure = result.failure, lost = result.lost,
  }
end

local function new_pool(options)
  if not options.pool then return nil end
  local pool, why = require("kavach.sandbox.pool").new { size = options.pool,
    sandbox = options.sandbox }
  return pool, why
end

-- Everything is there: runs the jobs.
local function conduct(self, how)
  local observe, exports_ = how.observe or function() end, self.exports
  local boxes <close> = require("kavach.batch.attempt.boxes").new()
  self.boxes = boxes
  local pool <close>, no_pool = new_pool(self.batch.options)
  if no_pool then return nil, no_pool end
  self.pool = pool
  self.schedule = schedule.new {
    source = new_source(self.batch, self.journal, how.failed or false), journal = self.journal,
    execute = executor(self), jobs = self.jobs, halt = self.batch.options.halt,
    observe = function(event)
      exports_:event(event)
      observe(event)
    end,
    limits = self.batch.options, finished = self.finished, is_behind = how.is_behind,
    guess_ms = self.batch.options.sandbox ~= false and GUEST_GUESS_MS or 0,
  }
  self.batch.schedule = self.schedule
  local _ <close>, unreachable = control.open(self.batch)
  local held, trouble = self.lock:hold()
  if not held then return nil, trouble end
  local finished = 0
  for _, count in next, self.finished do finished = finished + count end
  finished = math.min(finished, self.schedule.total or finished)
  self.schedule:tell {
    event = "begin", batch = self.batch.name, total = self.schedule.total,
    finished = finished, jobs = self.jobs, epoch = self.epoch,
  }
  if unreachable then
    self.schedule:tell {
      event = "warning", message = "it cannot be steered from elsewhere: " .. tostring(unreachable),
    }
  end
  if how.on_ready then how.on_ready(self.schedule) end
  return summarise(self, self.schedule:run())
end

-- The last word, when the journal has it, too.
local function tell_end(self, summary)
  summary.failures = self.exports:finish()
  if summary.exit_code == 0 and #summary.failures > 0 then summary.exit_code = 1 end
  self.schedule:tell {
    event = "finished", counts = summary.counts, duration_ms = summary.duration_ms,
    exit_code = summary.exit_code, ending = summary.ending, lost = summary.lost,
  }
end

-- A script that has changed, and may have, is the batch's from now on.
local function keep_digest(self)
  local now, kept = self.batch.origin, self.journal.about.source
  if now.digest == kept.digest then return end
  kept.digest = now.digest
  self.journal:keep_source(kept, function() end)
end

local function begin(self, how)
  local cleared, why = clear(self, how)
  if not cleared then return nil, why end
  self.epoch, why = self.journal:begin_run {
    pid = core.getpid(), start = proc.start_time "self", boot_id = recover.boot_id(),
    jobs = self.jobs,
  }
  if not self.epoch then return nil, why end
  self.journal:interrupt_all(function() end)
  keep_digest(self)
  local ok, trouble = self.journal:flush()
  if not ok then return nil, trouble end
  -- The journal is on the disk; its name is to be, too.
  local named, unnamed = files.sync_path(self.where.folder)
  if named then return true end
  return err.fail("io", ("%s: %s"):format(self.where.folder, unnamed), { op = "batch" })
end

---Runs a batch.
---@param batch kavach.Batch
---@param how kavach.batch.how
---@return kavach.batch.summary?
---@return kavach.Error?
function M.run(batch, how)
  local ok, message = graph.check(batch.list)
  if not ok then return err.fail("invalid_argument", message, { op = "batch" }) end
  local where, why = place.of(batch.name)
  if not where then return nil, why end
  local lock <close>, held = recover.lock(where)
  if not lock then return nil, held end
  local written <close>, unwritten = exports.open(batch.options, where, how.resume)
  if not written then return nil, unwritten end
  local opened <close>, trouble = opening.open(batch, where, how)
  if not opened then return nil, trouble end
  local self = {
    batch = batch, where = where, exports = written, lock = lock, journal = opened,
    jobs = default_jobs(batch),
    began = core.now(),
  }
  ok, why = begin(self, how)
  if not ok then return nil, why end
  if batch.input then
    ok, why = batch.input:open(opened)
    if not ok then return nil, why end
  end
  local finished, summary
  finished, summary, why = pcall(conduct, self, how)
  batch.schedule, batch.last = nil, finished and summary or nil
  if finished then
    -- What has left its job's process group runs until here; what hides from this, until the
    -- supervisor ends with this process.
    recover.clear(opened.about.uuid, {}, {})
  end
  opened:end_run(finished and summary and summary.ending or "error")
  if not finished then error(summary, 0) end -- closing the journal writes it
  opened:flush()
  if summary then tell_end(self, summary) end
  return summary, why
end

return M
