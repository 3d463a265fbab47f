-- What a journal does with attempts: methods of kavach.Journal.

local core = require "kavach.core"
local fault = require "kavach.batch.journal.fault"
local record = require "kavach.batch.journal.record"
local schema = require "kavach.batch.journal.schema"
local spec = require "kavach.batch.spec"
local sql = require "kavach.batch.journal.sql"
local store = require "kavach.store"

local attempts = {}

-- The state of an attempt whose job ends up so, unless it is given.
local ATTEMPT_STATES <const> = {
  done = "done", failed = "failed", retry = "failed", cancelled = "cancelled",
  waiting = "interrupted",
}
local ENDED <const> = { done = true, failed = true, cancelled = true, interrupted = true }

local function key_of(item, what)
  local seq, number = item.seq, item.number
  if math.type(number) ~= "integer" or number < 1 or number > schema.NUMBER_MAX then
    error(("journal:%s: number: an attempt has one from 1 to %d, not %s"):format(what,
      schema.NUMBER_MAX, tostring(number)), 3)
  end
  if math.type(seq) ~= "integer" then
    error(("journal:%s: seq: a job has an integer, not %s"):format(what, tostring(seq)), 3)
  end
  return schema.key(seq, number)
end

---Claims attempts, before they start: all of them, or none. An attempt's number is one more than
---its job's `attempts`, the job is not done, and has no other that is live.
---@param list { seq: integer, number: integer, slot: integer? }[]
---@param done? fun(ok: true?, err: kavach.Error?)
function attempts:claim(list, done)
  self:check_run("claim")
  local all, claim, now = store.unit(), self.statements.claim, core.wall_clock()
  for _, item in ipairs(list) do
    all:add(claim, key_of(item, "claim"), self.epoch, item.slot, now, item.seq, item.number)
  end
  self.queue:submit(all, done)
end

---Notes that an attempt runs. Nobody is told.
---@param seq integer
---@param number integer
---@param about { slot: integer?, pid: integer?, pid_start: any, time_ns: integer? }
function attempts:started(seq, number, about)
  self:check_run("started")
  local key = key_of({ seq = seq, number = number }, "started")
  self.queue:submit(store.unit():add(self.statements.started, about.slot, about.pid,
    about.pid_start, about.time_ns or core.wall_clock(), key, self.epoch))
end

---Takes claims back of what has not started.
---@param list { seq: integer, number: integer }[]
---@param done? fun(ok: true?, err: kavach.Error?)
function attempts:release(list, done)
  self:check_run("release")
  local all = store.unit()
  for _, item in ipairs(list) do
    all:add(self.statements.release, key_of(item, "release"), self.epoch)
  end
  self.queue:submit(all, done)
end

local function add_output(self, all, key, output)
  local text = output and output.text
  if not text or text == "" then return end
  if #text > record.TEXT_MAX then
    error(("journal:finish: an output of %d bytes belongs into a file"):format(#text), 3)
  end
  all:add(self.statements.output, key, text)
end

local function encode_files(files)
  if not files then return nil end
  local text, why = spec.text(files)
  if not text then error("journal:finish: files: " .. tostring(why), 3) end
  return text
end

---Commits an attempt: its result, and what becomes of its job. Only the live attempt of a job can,
---of the newest run; else the error has `fenced = true`.
---@param seq integer
---@param number integer
---@param r table `state` of the job; `attempt_state`; and the result
---@param done? fun(ok: true?, err: kavach.Error?)
function attempts:finish(seq, number, r, done)
  self:check_run("finish")
  local key = key_of({ seq = seq, number = number }, "finish")
  local attempt_state = r.attempt_state or ATTEMPT_STATES[r.state]
  if not ATTEMPT_STATES[r.state] or not ENDED[attempt_state] then
    error(("journal:finish: no attempt ends as %s, %s"):format(tostring(r.state),
      tostring(r.attempt_state)), 2)
  end
  local now, s, all = core.wall_clock(), self.statements, store.unit()
  all:add(s.finish, record.values(r, attempt_state, now, encode_files(r.files), key, self.epoch))
  all:add(s.finish_job, r.state, attempt_state == "failed" and 1 or 0, now, r.reason, seq, number)
  add_output(self, all, key * 2, r.stdout)
  add_output(self, all, key * 2 + 1, r.stderr)
  self.queue:submit(all, done)
end

-- ---- what earlier runs left --------------------------------------------------------------------

---The attempts that earlier runs have not brought to an end; all live ones before a run has begun.
---@return { seq: integer, id: string, number: integer, state: string, pid: integer?,
---  pid_start: any, slot: integer?, epoch: integer }[]?
---@return kavach.Error?
function attempts:interrupted()
  local rows, message, kind = self.reader:rows(sql.interrupted, self.epoch or math.maxinteger)
  if not rows then return nil, fault.reading(message, kind) end
  for _, row in ipairs(rows) do
    row.seq, row.number = schema.of_key(row.key)
    row.key = nil
  end
  return rows
end

---Marks them interrupted, and has their jobs wait. It does not count as a failure.
---@param done? fun(ok: true?, err: kavach.Error?)
function attempts:interrupt_all(done)
  self:check_run("interrupt_all")
  local now, s = core.wall_clock(), self.statements
  self.queue:submit(store.unit():add(s.interrupt_jobs, now, self.epoch)
    :add(s.interrupt, now, self.epoch), done)
end

return attempts
