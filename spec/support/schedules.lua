--- Schedules for specs: the journal here is a table that answers when the loop comes round, and an
--- attempt is whatever a spec says that it is.

local core = require "kavach.core"
local schedule = require "kavach.batch.schedule"
local source = require "kavach.batch.source"

local M = {}

-- Keeps what it is told, in order; `fails(what, item)` gives the error of a write.
function M.journal()
  local journal = { log = {}, states = {}, seqs = {}, last = 0, epoch = 2 }
  local function answer(what, item, done, apply)
    core.timer(0, function()
      local why = journal.fails and journal.fails(what, item)
      if not why then
        journal.log[#journal.log + 1] = what
        apply()
      end
      done(not why or nil, why)
    end)
  end
  function journal:add(jobs, done)
    for _, job in ipairs(jobs) do
      self.last = self.last + 1
      job.seq, job.attempts, self.seqs[self.last] = self.last, 0, job
    end
    answer("add", jobs, done, function()
      for _, job in ipairs(jobs) do
        self.states[job.id] =
          { seq = job.seq, attempts = 0, failures = 0, state = "waiting", epoch = self.epoch }
      end
    end)
  end
  function journal:known(ids)
    local found = {}
    for _, id in ipairs(ids) do found[id] = self.states[id] end
    return found
  end
  function journal.claim(_, list, done) answer("claim", list, done, function() end) end
  function journal:finish(seq, number, record, done)
    answer("finish", record, done, function()
      local known = self.states[self.seqs[seq].id]
      known.attempts, known.state = number, record.state
    end)
  end
  function journal:settle(seqs, state, _, done)
    answer("settle", state, done, function()
      for _, seq in ipairs(seqs) do self.states[self.seqs[seq].id].state = state end
    end)
  end
  function journal:release(list, done)
    self.released = #list
    answer("release", list, done, function() end)
  end
  function journal:retry() self.retried = true end
  return journal
end

function M.job(fields)
  local made = {
    id = "a", command = "true", priority = 0, tag = "", retries = 0, retry_delay_ms = 1,
    retry_max_ms = 10, sandbox = false, timeout_ms = 7, attempts = 0,
  }
  for key, value in next, fields do made[key] = value end
  return made
end

-- A schedule of these jobs. `options.run(job, place)` is an attempt: an exit code, or a record.
function M.new(jobs, options)
  options = options or {}
  local by_id, list = {}, {}
  for i, fields in ipairs(jobs) do
    list[i] = M.job(type(fields) == "string" and { id = fields } or fields)
    by_id[list[i].id] = list[i]
  end
  local journal = options.journal or M.journal()
  local events, order = {}, {}
  local made = schedule.new {
    source = options.source and options.source(journal) or source.list(list, by_id, options.again),
    journal = journal, jobs = options.jobs or 1, halt = options.halt,
    limits = options.limits, finished = options.finished,
    execute = function(each, place)
      order[#order + 1] = each.id
      local result = options.run and options.run(each, place) or 0
      return type(result) == "table" and result or { exit_code = result }
    end,
    observe = function(event)
      events[#events + 1] = event
      if options.on_event then options.on_event(event, events) end
    end,
  }
  made.events, made.order, made.log = events, order, journal
  return made
end

function M.run(...)
  local made = M.new(...)
  made.result = made:run()
  return made
end

function M.named(made, name)
  local found = {}
  for _, event in ipairs(made.events) do
    if event.event == name then found[#found + 1] = event end
  end
  return found
end

function M.reasons(made, name)
  local list = {}
  for _, event in ipairs(M.named(made, name)) do list[event.job] = event.reason end
  return list
end

return M
