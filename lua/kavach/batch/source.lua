--- Where a batch's jobs come from, one after the other: a list, a generator, or the journal's own
--- rows (of inputs that were read into it).
---
---   chunk(most)          the next jobs, as many as are there: waits for one; none at the end; or
---                        nil and an error if they cannot be read
---   is_list              all of them are there from the beginning
---   runs_again(job)      whether an earlier run has ended it, and it is to run all the same
---   is_final(job)        whether it has come to its end
---   is_known(id)         whether it is a job of this batch, as far as that has come
---   state_of(id)         the final state of a job that is known and not on its way; nil if it will
---                        come
---   settled(job, state)  told when a job has ended
---   total                how many there are, if that is known

local task = require "kavach.task"

local M = {}

local FINAL <const> = { done = true, failed = true, skipped = true, cancelled = true }

---@class kavach.batch.source
local Source = {}
Source.__index = Source

local function new(fields, again)
  fields.again = again
  return setmetatable(fields, Source)
end

---@param job kavach.batch.job
---@return boolean
function Source:runs_again(job)
  return self.again and FINAL[job.state] and job.state ~= "done" or false
end

---@param job kavach.batch.job
---@return boolean
function Source.is_final(_, job)
  return FINAL[job.state] or false
end

local function final(state) return FINAL[state] and state or nil end

-- ---- a list -----------------------------------------------------------------------------------

---All jobs, known from the beginning: they may need one another in any order.
---@param jobs kavach.batch.job[]
---@param by_id table<string, kavach.batch.job>
---@param again boolean those that have failed are to run, too
---@return kavach.batch.source
function M.list(jobs, by_id, again)
  local at = 0
  -- What they have of an earlier run in this process is none of this one's.
  for _, job in ipairs(jobs) do job.state, job.tries, job.cancelled = nil, nil, nil end
  return new({
    total = #jobs, is_list = true,
    chunk = function(_, most)
      local from = at + 1
      at = math.min(at + most, #jobs)
      return table.move(jobs, from, at, 1, {})
    end,
    is_known = function(_, id) return by_id[id] ~= nil end,
    state_of = function(_, id) return final(by_id[id].state) end,
    settled = function(_, job, state) job.state = state end,
  }, again)
end

-- ---- what comes by and by ---------------------------------------------------------------------

-- Pulls ahead of who takes the jobs, so that one which comes alone does not wait for others.
local function produce(self, most)
  while not self.failure do
    local job, why = self.pull()
    self.failure = why
    if not job then break end
    self.buffer[#self.buffer + 1] = job
    if self.wake then self.wake() end
    if #self.buffer >= most then
      task.wait(function(done)
        self.go_on = done
        return function() self.go_on = nil end
      end)
    end
  end
  self.ended = true
  if self.wake then self.wake() end
end

local function chunk(self, most)
  self.producer = self.producer or task.spawn(produce, self, most)
  if #self.buffer == 0 and not self.ended then
    task.wait(function(done)
      self.wake = done
      return function() self.wake = nil end
    end)
    self.wake = nil
  end
  local list = self.buffer
  self.buffer = {}
  local go_on = self.go_on
  self.go_on = nil
  if go_on then go_on() end
  if #list == 0 and self.failure then return nil, self.failure end
  return list
end

---Jobs that may need those which came before them.
---@param pull fun(): kavach.batch.job?, kavach.Error? may wait
---@param journal kavach.Journal
---@param again boolean
---@return kavach.batch.source
function M.stream(pull, journal, again)
  -- Of one that is not on its way: it has come, and ended, or the journal has it of an earlier run.
  local function state_of(_, id)
    local known = journal:known { id }
    local found = known and known[id]
    return found and final(found.state)
  end
  return new({
    pull = pull, buffer = {}, chunk = chunk, state_of = state_of,
    is_known = function(self, id) return state_of(self, id) ~= nil end,
    settled = function() end,
  }, again)
end

return M
