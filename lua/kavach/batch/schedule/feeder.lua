--- From the source into the queue: some jobs at a time, so that a million of them take no more
--- memory than those that are on their way.

local err = require "kavach.err"
local graph = require "kavach.batch.graph"
local spec = require "kavach.batch.spec"
local task = require "kavach.task"

local M = {}

local CHUNK <const> = 256
-- Of jobs that are made as they are run, no more are while so many could start, or wait for others.
-- Those of a list are all there: the highest priority may be the last one's.
local ENOUGH <const>, ENOUGH_THAT_NEED <const> = 1024, 8192

local function is_full(self)
  return self.queue.count >= ENOUGH or self.graph.count >= ENOUGH_THAT_NEED
end

-- Waits until there is room.
local function wait_for_room(self)
  while not self.source.is_list and is_full(self) do
    task.wait(function(done)
      self.hungry = function()
        if is_full(self) then return end
        self.hungry = nil
        done()
      end
      return function() self.hungry = nil end
    end)
  end
end

-- What the journal knows of the jobs, by their ids. One that comes twice is an error.
local function known_of(self, list)
  local ids, seen = {}, {}
  local function twice(id)
    return nil, err.new("invalid_argument", ("the id %s is there twice"):format(graph.shown(id)))
  end
  for i, job in ipairs(list) do
    if seen[job.id] or self.live[job.id] then return twice(job.id) end
    ids[i], seen[job.id] = job.id, true
  end
  local known, why = self.journal:known(ids)
  for id, found in next, known or {} do
    if found.epoch == self.journal.epoch then return twice(id) end
  end
  return known, why
end

-- One that has failed, or the like, and is to run again begins anew, with all its retries.
local function begin_anew(self, again)
  if #again == 0 then return end
  self.journal:settle(again, "waiting", nil, function(ok, why)
    if not ok then self:trouble(why) end
  end)
end

-- What the journal keeps of a job, for reports: its command, if that is not its name already.
local function spec_of(job)
  local command = job.command
  if command == job.id then return nil end
  -- Printable ASCII but for the quote and the backslash.
  if type(command) == "string" and not command:find '[^ !#-Z%[%]^-~]' then
    return '{"command":"' .. command .. '"}' -- as it would be encoded, at once
  end
  return spec.text { command = command }
end

-- Those that are in the journal already have its number and state; the others are written there.
local function enlist(self, list)
  local known, why = known_of(self, list)
  if not known then return nil, why end
  local new, again = {}, {}
  for _, job in ipairs(list) do
    local found = known[job.id]
    if not found then
      new[#new + 1] = job
      job.spec = spec_of(job)
    else
      job.seq, job.attempts, job.state, job.tries =
        found.seq, found.attempts, found.state, found.failures
      if self.source:runs_again(job) then
        again[#again + 1] = job.seq
        job.state, job.tries = "waiting", 0
      end
    end
  end
  begin_anew(self, again)
  if #new == 0 then return true end
  return task.wait(function(done)
    self.journal:add(new, done)
    for _, job in ipairs(new) do job.spec = nil end -- it is in the journal's hands
  end)
end

-- A job that cannot be: an error of the batch, which ends it.
local function objection(self, job)
  for _, id in ipairs(job.needs or {}) do
    if not self.live[id] and not self.source:is_known(id) then
      return ("job %s needs %s, which has not come before it"):format(graph.shown(job.id),
        graph.shown(id))
    end
  end
  local never = self.budget:never(job)
  if never then return ("job %s: %s"):format(graph.shown(job.id), never) end
end

local function enter(self, list)
  for _, job in ipairs(list) do
    if self.source:is_final(job) then
      self.found[job.state] = (self.found[job.state] or 0) + 1
      self:was_settled(job)
    else
      local message = objection(self, job)
      if message then
        return self:trouble(err.new("invalid_argument", message), "error")
      end
      self:enter(job)
    end
  end
end

---Reads the source to its end.
---@param self kavach.batch.schedule
function M.run(self)
  self.seen, self.found = 0, {}
  while not self.stopping do
    wait_for_room(self)
    local list, why = self.source:chunk(CHUNK)
    if not list and not why.cut then return self:trouble(why, "error") end
    self.cut = why
    if not list or #list == 0 then break end
    self.seen = self.seen + #list
    local ok, trouble = enlist(self, list)
    if not ok then
      return self:trouble(trouble, trouble.kind == "invalid_argument" and "error" or nil)
    end
    enter(self, list)
    self:dispatch()
    task.yield()
  end
  if self.stopping then return end
  self.source_ended = true
  -- Now it is known which of them are jobs of the batch still: a script may have changed.
  self.earlier = self.found
  if not self.total and not self.cut then
    self.total = self.seen
    self:tell { event = "total", total = self.total }
  end
  self:dispatch()
end

return M
