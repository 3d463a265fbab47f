--- A batch's journal: an SQLite file in which everything that happens to its jobs is durable before
--- anybody is told.
---
--- Whoever writes to it begins a run first, which gets the next epoch; nothing that an earlier run
--- still has to say is written after that. What is queued is on the disk when `done(true)` is
--- called, in the loop, in the order in which it was queued; `done(nil, err)`: nothing of it is
--- there.
---
--- Where it could not be written (`err.full`, `err.readonly`, `err.corrupt`, `err.busy`, or only
--- kind `io`), all that is queued afterwards fails in the same way, until `retry()`.

local attempt_methods = require "kavach.batch.journal.attempts"
local check = require "kavach.check"
local core = require "kavach.core"
local fault = require "kavach.batch.journal.fault"
local file = require "kavach.batch.journal.file"
local json = require "kavach.json"
local plain = require "kavach.plain"
local queue = require "kavach.batch.journal.queue"
local reader = require "kavach.batch.journal.reader"
local sql = require "kavach.batch.journal.sql"
local store = require "kavach.store"

local M = {}

---@class kavach.Journal
---@field about table { name, uuid, form, source, created_ns, version }
---@field epoch integer? of its run, once it has begun
local Journal = {}
Journal.__index = Journal
Journal.__name = "kavach.Journal"

for name, method in pairs(attempt_methods) do Journal[name] = method end

local SETTLED <const> = { skipped = true, cancelled = true, waiting = true }

local ABOUT <const> = {
  name = { type = "string", required = true }, uuid = { type = "string", required = true },
  form = { enum = { "script", "command", "lua" }, required = true },
  source = { type = "table", default = {} },
}

-- ---- opening -----------------------------------------------------------------------------------

local function wrap(writer, db)
  if not writer then return nil, db end
  local about, why = reader.over(db):about()
  local pending
  if about then pending, why = queue.new(writer) end
  if not pending then
    writer:close()
    db:close()
    return nil, why
  end
  local self = setmetatable({ about = about, queue = pending, reader = db, statements = {} },
    Journal)
  for name, statement in pairs(sql.writes) do
    self.statements[name] = writer:statement(statement[1], statement[2])
  end
  return self
end

---Makes a journal. That there is one already is an error with `exists = true`.
---@param path string
---@param about { name: string, uuid: string, form: "script"|"command"|"lua", source: table? }
---@return kavach.Journal?
---@return kavach.Error?
function M.create(path, about)
  about = check.table(ABOUT, about, "journal", 2)
  local source, why = json.encode(about.source)
  if not source then return nil, why end
  about.source = source
  return wrap(file.create(path, about))
end

---Opens a journal to write to it. One of an older version is brought up to date; one of a newer is
---refused (`err.newer`), and so is one that is damaged (`err.corrupt`).
---@param path string
---@return kavach.Journal?
---@return kavach.Error?
function M.open(path) return wrap(file.open(path)) end

---Opens a journal to read it: from any process, at any time.
---@param path string
---@return kavach.journal.reader?
---@return kavach.Error?
function M.reader(path) return reader.open(path) end

---Removes a journal that nobody has open.
M.remove = file.remove

-- ---- runs --------------------------------------------------------------------------------------

local function unit(self, name, ...)
  return store.unit():add(self.statements[name], ...)
end

function Journal:check_run(what)
  if not self.epoch then error(("journal:%s: no run has begun"):format(what), 3) end
end

---Begins a run, and waits until that is durable.
---@param run { pid: integer, start: any, boot_id: string, supervisor_pid: integer?,
---  supervisor_start: any, jobs: integer }
---@return integer? epoch
---@return kavach.Error?
function Journal:begin_run(run)
  if self.epoch then error("journal:begin_run: it has begun", 2) end
  local ok, rows = self.queue:await(unit(self, "begin", run.pid, run.start, run.boot_id,
    run.supervisor_pid, run.supervisor_start, run.jobs, core.wall_clock()))
  if not ok then return nil, rows end
  self.epoch = rows[1][1]
  self.queue:guard(unit(self, "newest", self.epoch))
  return self.epoch
end

---@param ending string
---@param done? fun(ok: true?, err: kavach.Error?)
function Journal:end_run(ending, done)
  self:check_run("end_run")
  self.queue:submit(unit(self, "ending", core.wall_clock(), ending, self.epoch), done)
end

---Where the jobs come from, from now on.
---@param source table JSON-able
---@param done? fun(ok: true?, err: kavach.Error?)
function Journal:keep_source(source, done)
  self:check_run("keep_source")
  self.queue:submit(unit(self, "source", assert(json.encode(source))), done)
end

-- ---- jobs --------------------------------------------------------------------------------------

local function twice(jobs)
  local seen = {}
  for _, job in ipairs(jobs) do
    if seen[job.id] then return job.id end
    seen[job.id] = true
  end
end

---Adds jobs: all of them, or none. Each of them then has `seq`, and `state`, `attempts`, `failures`
---and `epoch` (of the run that added it), which are those that it had if its id was there already.
---@param jobs { id: string, tag: string?, priority: integer?, spec: string? }[]
---@param done? fun(ok: true?, err: kavach.Error?)
function Journal:add(jobs, done)
  self:check_run("add")
  local double = twice(jobs)
  if double then
    local _, why = fault.fail("invalid_argument", ("the job %s is there twice"):format(
      plain.text(double:sub(1, 200))), { id = double })
    self.queue:submit(store.unit(), function() if done then done(nil, why) end end)
    return
  end
  local all, add, now = store.unit(), self.statements.add, core.wall_clock()
  for _, job in ipairs(jobs) do
    all:add(add, job.id, job.tag, job.priority, job.spec, self.epoch, now)
  end
  self.queue:submit(all, function(ok, rows)
    for i, row in ipairs(ok and rows or {}) do
      local job = jobs[i]
      job.seq, job.state, job.attempts, job.failures, job.epoch = table.unpack(row)
    end
    if done then done(ok, not ok and rows or nil) end
  end)
end

---What is known of jobs. Meanwhile nobody else has a turn: so give it a thousand at a time.
---@param ids string[]
---@return table<string, { seq: integer, state: string, attempts: integer, failures: integer,
---  epoch: integer }>?
---@return kavach.Error?
function Journal:known(ids)
  local db, found = self.reader, {}
  local begun, message, kind = db:row "BEGIN" -- of one moment, and faster
  if begun == nil then return nil, fault.reading(message, kind) end
  local why
  for _, id in ipairs(ids) do
    local there, seq, state, attempts, failures, epoch = db:row(sql.known, id)
    if there then
      found[id] = { seq = seq, state = state, attempts = attempts, failures = failures,
        epoch = epoch }
    elseif there == nil then
      why = fault.reading(seq, state)
      break
    end
  end
  db:row "COMMIT"
  if why then return nil, why end
  return found
end

---Settles jobs that end without an attempt, or, as `waiting`, are to begin anew. One that is done,
---or has a live attempt, fails all of them.
---@param seqs integer[]
---@param state "skipped"|"cancelled"|"waiting"
---@param reason? string
---@param done? fun(ok: true?, err: kavach.Error?)
function Journal:settle(seqs, state, reason, done)
  self:check_run("settle")
  if not SETTLED[state] then error(("journal:settle: no job is settled as %s"):format(state), 2) end
  local all, settle, now = store.unit(), self.statements.settle, core.wall_clock()
  for _, seq in ipairs(seqs) do
    all:add(settle, state, reason, now, state == "waiting", seq)
  end
  self.queue:submit(all, done)
end

-- ---- standard input ----------------------------------------------------------------------------

---Keeps a piece of the batch's standard input; an empty one is its end.
---@param number integer the pieces count from 1
---@param bytes string
---@param done? fun(ok: true?, err: kavach.Error?)
function Journal:keep_input(number, bytes, done)
  self:check_run("keep_input")
  self.queue:submit(unit(self, "input", number, bytes), done)
end

---See kavach.journal.reader.
function Journal:input_count() return reader.over(self.reader):input_count() end
function Journal:input(number) return reader.over(self.reader):input(number) end

-- ---- its life ----------------------------------------------------------------------------------

---Waits until all that was queued is durable.
---@return true?
---@return kavach.Error?
function Journal:flush() return self.queue:flush() end

---Why nothing is written at present, if so.
---@return kavach.Error?
function Journal:trouble() return self.queue:trouble() end

---Tries to write again, and waits for the answer. What has failed before is its caller's to give
---again.
---@return true?
---@return kavach.Error?
function Journal:retry() return self.queue:retry(unit(self, "probe", core.wall_clock())) end

---How many units have become durable, in how many transactions.
---@return integer units
---@return integer commits
function Journal:commits() return self.queue.writer:counts() end

---Waits, in the call, until all that was queued is on the disk. Those who were to be told of it
---still are.
function Journal:close()
  self.reader:close()
  self.queue:close()
end

Journal.__close = Journal.close

return M
