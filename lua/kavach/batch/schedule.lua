--- What runs when: jobs come from a source, are claimed in the journal, run on one of so many
--- slots, and are committed. It knows neither processes nor files: `execute` runs an attempt,
--- `journal` keeps what became of it, `observe` is told.
---
--- A job's way: source -> (needs) -> queue -> claimed -> slot -> finished -> committed. A claim is
--- durable before its attempt starts; a slot is free when its attempt has ended; what became of it
--- is told, and frees those that need it, when it is durable. While jobs are short some more are
--- claimed than there are slots, so that no slot waits for the disk.

local core = require "kavach.core"
local budget = require "kavach.batch.budget"
local feeder = require "kavach.batch.schedule.feeder"
local graph = require "kavach.batch.graph"
local heap = require "kavach.batch.heap"
local line = require "kavach.batch.line"
local queue = require "kavach.batch.queue"
local task = require "kavach.task"
local worker = require "kavach.batch.schedule.worker"

local M = {}

-- Of jobs shorter than this, so many are claimed ahead.
local SHORT_MS <const>, AHEAD <const> = 50, 16
-- How soon to look again whether who watches has caught up.
local BEHIND_MS <const> = 20

---@class kavach.batch.schedule
---@field jobs integer how many run at a time
---@field cut? kavach.Error why the source has no more jobs, although there are some: told when
--- those that it had have ended
---@field stopping? { how: "drain"|"cancel", why: string, ending: string }
local Schedule = {}
Schedule.__index = Schedule
M.class = Schedule -- by which the prompt knows its objects

for _, part in ipairs { "ends", "moves" } do
  local methods = require("kavach.batch.schedule." .. part)
  for name, method in next, methods do Schedule[name] = method end
end

---@class kavach.batch.schedule.options
---@field source kavach.batch.source
---@field journal kavach.Journal
---@field execute fun(job: kavach.batch.job, attempt: table): table runs an attempt: what became of
--- it, as the journal keeps it; `unkept`: why that cannot be kept. May wait; raises only if its
--- task was cancelled
---@field observe fun(event: table)
---@field jobs integer
---@field guess_ms? integer how long a job may take, until that shows
---@field halt? kavach.batch.halt
---@field limits table for the budget
---@field finished table counts of jobs that earlier runs have ended
---@field is_behind? fun(): boolean whether those who watch cannot keep up: none is started then

---@param options kavach.batch.schedule.options
---@return kavach.batch.schedule
function M.new(options)
  local counts = { done = 0, failed = 0, skipped = 0, cancelled = 0 }
  return setmetatable({
    source = options.source, journal = options.journal, execute = options.execute,
    observe = options.observe, jobs = options.jobs, halt = options.halt,
    budget = budget.new(options.limits or {}, { now = core.now }),
    queue = queue.new(), graph = graph.new(),
    live = {}, -- id -> job, from when the source gives it until its end is durable
    claimed = line.new(), claiming = 0,
    idle = {}, running = {}, running_count = 0, -- by slot
    idle_slots = {}, -- a heap of those that have become idle
    highest = 0, -- slot that there was
    retrying = {}, retry_count = 0, -- job -> its timer
    unfinished = 0, -- ends that are not durable yet
    counts = counts, ended = { done = 0, failed = 0 }, earlier = options.finished or {},
    total = options.source.total, unwritten = {},
    is_behind = options.is_behind or function() return false end,
    average_ms = options.guess_ms or 0, over = task.event(), workers = {},
  }, Schedule)
end

---Tells those who watch; after run() nobody does.
---@param event table
function Schedule:tell(event)
  if self.abandoned then return end
  event.time_ns = core.wall_clock()
  self.observe(event)
end

-- ---- what can go on ---------------------------------------------------------------------------

-- Claims so many that each idle slot has one, and some more while they are short.
local function claim_more(self)
  local waiting = self.queue.count
  if waiting == 0 or self.paused or self.stopping then return end
  local ahead = self.average_ms < SHORT_MS and AHEAD + self.jobs or 0
  local held = self.claimed:count() + self.claiming
  local wanted = math.min(self.jobs - self.running_count + ahead - held, waiting)
  -- Not one by one: a claim costs what a few do.
  if wanted < math.min(ahead // 2, waiting) or wanted < 1 then return end
  local list = {}
  for i = 1, wanted do
    local job = self.queue:take()
    job.number = job.attempts + 1
    list[i] = job
  end
  self.claiming = self.claiming + #list
  self.journal:claim(list, function(ok, why)
    self.claiming = self.claiming - #list
    for _, job in ipairs(list) do
      if job.cancelled then
        if ok then self:release { job } end
        self:settle(job, "cancelled", job.cancelled)
      elseif ok then
        self.claimed:append(job)
      else
        self.queue:add(job)
      end
    end
    if not ok then self:trouble(why) end
    self:dispatch()
  end)
end

-- A look again, when the budget says that it may allow more then.
local function look_again(self, ms)
  if not ms or self.later then return end
  self.later = core.timer(ms, function()
    self.later = nil
    self:dispatch()
  end)
end

-- The claimed job that is next, if it may start now.
local function startable(self)
  local job = not self.paused and not self.stopping and self.claimed:peek()
  if not job then return nil end
  local wait = self.is_behind() and BEHIND_MS or self.budget:wait_for(job)
  if wait == 0 then return job end
  look_again(self, wait)
end

---A worker waits for a job: `give` gets it.
---@param slot integer
---@param give fun(job: kavach.batch.job?)
function Schedule:become_idle(slot, give)
  self.idle[slot] = give
  heap.push(self.idle_slots, slot)
  self:dispatch()
end

-- The lowest slot that is idle, if there is one. After there were more, a higher one may be busy
-- yet.
local function lowest_idle(self)
  if self.running_count >= self.jobs then return nil end
  local slot = self.idle_slots[1]
  return slot and slot <= self.jobs and slot or nil
end

-- Whether nothing more will happen.
local function is_over(self)
  if self.running_count > 0 or self.claiming > 0 or self.unfinished > 0 then return false end
  if self.stopping then return true end
  return self.source_ended and self.queue.count == 0 and self.graph.count == 0
    and self.retry_count == 0 and self.claimed:is_empty()
end

---Looks what can go on. Called whenever something has changed.
function Schedule:dispatch()
  if self.over:is_set() then return end
  while true do
    local slot = lowest_idle(self)
    local job = slot and startable(self)
    if not job then break end
    self.claimed:shift()
    heap.pop(self.idle_slots)
    local give = self.idle[slot]
    self.idle[slot] = nil
    self:take_slot(slot, job)
    give(job)
  end
  claim_more(self)
  if self.hungry then self.hungry() end
  if is_over(self) then
    self.over:set()
    self:call()
  end
end

---Has run() look whether it is over, or whether a slot has no worker.
function Schedule:call()
  if self.called then self.called:set() end
end

---@param slot integer
---@param job kavach.batch.job
function Schedule:take_slot(slot, job)
  self.budget:take(job)
  self.running[slot] = {
    job = job, slot = slot, number = job.number, began = core.now(), worker = self.workers[slot],
  }
  self.running_count = self.running_count + 1
end

---@param slot integer
function Schedule:leave_slot(slot)
  local place = self.running[slot]
  self.running[slot] = nil
  self.running_count = self.running_count - 1
  self.budget:give(place.job)
  local ms = core.now() - place.began
  self.average_ms = self.average_ms + (ms - self.average_ms) / 8
end

-- ---- jobs that come and go --------------------------------------------------------------------

---A job that is to run has come from the source, or can be tried again.
---@param job kavach.batch.job
function Schedule:enter(job)
  self.live[job.id] = job
  local how, id = self.graph:enter(job, function(needed) return self:state_of(needed) end)
  if how == "ready" then
    self.queue:add(job)
  elseif how == "broken" then
    self:skip(job, id)
  end
end

---The final state of a job that others need; nil if it has not come to its end.
---@param id string
---@return string?
function Schedule:state_of(id)
  if self.live[id] then return nil end
  return self.source:state_of(id)
end

-- ---- all of it --------------------------------------------------------------------------------

-- All that is known of the jobs has been run; that there are others has to be told.
local function tell_cut(self)
  if not self.cut or self.failure then return end
  self.failure = self.cut
  self.stopping = self.stopping or { how = "drain", why = tostring(self.cut), ending = "error" }
  self:tell { event = "trouble", message = tostring(self.cut) }
end

---Takes claims back of jobs that do not start.
---@param list kavach.batch.job[]
function Schedule:release(list)
  if #list > 0 then self.journal:release(list, function() end) end
end

-- However it ends: no timer of it goes off any more, and no claim stays that was not used. What is
-- on its way to the journal gets there, but it is nobody's any more if the run was cut off: by an
-- error of an observer, or because its task was cancelled.
local function leave(self, failure)
  if failure ~= nil then
    self.abandoned = true
    self.over:set()
    self:stop("cancel", tostring(failure), "error")
  end
  if self.later then self.later:close() end
  if self.pause_timer then self.pause_timer:close() end
  self:release(table.move(self.claimed, self.claimed.first, self.claimed.last, 1, {}))
end

-- Whether every job has succeeded, those of earlier runs too.
local function all_succeeded(self)
  for _, state in ipairs { "failed", "skipped", "cancelled" } do
    if self.counts[state] + (self.earlier[state] or 0) > 0 then return false end
  end
  return true
end

---Runs the jobs, until all have ended or it was stopped.
---@return { counts: table, ending: string, failure?: kavach.Error, lost: integer }
function Schedule:run()
  local _ <close> = setmetatable({}, { __close = function(_, failure) leave(self, failure) end })
  task.scope(function()
    self.feeder = task.spawn(feeder.run, self)
    while not self.over:is_set() do -- it may have been stopped before it began
      self.called = task.event()
      worker.staff(self)
      self.called:wait()
    end
    self.closed = true
    for _, give in next, self.idle do give(nil) end
    self.feeder:cancel "the batch is over"
  end)
  local written = self:write_rest()
  tell_cut(self)
  local ending = self.stopping and self.stopping.ending
    or (all_succeeded(self) and "done" or "failed")
  return { counts = self.counts, ending = ending, failure = self.failure,
    lost = written and 0 or #self.unwritten }
end

return M
