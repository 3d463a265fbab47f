--- The JSON documents of a batch. Both have
---
---   { version = 1, batch = { name, uuid, form, created_at, source }, counts = { total, done, … },
---     runs = [ { run, pid, jobs, began_at, ended_at, ending } ] }
---
--- (`ending`: as the journal has it, or "running", or "died"). The status has `failures` (at most
--- 100 of `failures_total`) and `running`; the report has all `jobs`, each with its `attempts`.
--- What is no UTF-8 has escapes, and stands as NAME_base64 as it is. Times are UTC, and text.

local fields = require "kavach.batch.report.fields"
local guard = require "kavach.batch.report.guard"
local json = require "kavach.json"
local runs = require "kavach.batch.report.runs"
local walk = require "kavach.batch.report.walk"
local words = require "kavach.batch.report.words"

local M = {}

local VERSION <const> = 1
local FAILURES <const> = 100

-- Tables of the source, which may hold any bytes, made fit for JSON.
local function fit(value)
  if type(value) == "string" then
    return utf8.len(value) and value or require("kavach.plain").text(value)
  elseif type(value) ~= "table" then
    return value
  end
  local out = json.is_array(value) and json.array() or {}
  for key, each in pairs(value) do
    out[type(key) == "string" and fit(key) or key] = fit(each)
  end
  return out
end

local function head(r)
  local about, list = assert(r:about()), json.array()
  for i, run in ipairs(assert(r:runs())) do
    list[i] = {
      run = run.epoch, pid = run.pid, jobs = run.jobs, began_at = words.iso(run.began_ns),
      ended_at = words.iso(run.ended_ns) or json.null, ending = (runs.ending(run)),
    }
  end
  return {
    version = VERSION, counts = assert(r:counts()), runs = list,
    batch = {
      name = about.name, uuid = about.uuid, form = about.form,
      created_at = words.iso(about.created_ns), source = fit(about.source) or json.null,
    },
  }
end

local function last_attempt(r, seq)
  local last
  for attempt in r:attempts(seq) do last = attempt end
  return last
end

local function with_attempt(r, job)
  local out, attempt = fields.job(job), last_attempt(r, job.seq)
  if attempt then
    out.attempt = fields.attempt(attempt)
    if out.reason == json.null then fields.put(out, "reason", words.reason(attempt)) end
  end
  return out
end

--- What is going on: the document as a table, for kavach.json. Raises, as the reader does, an error
--- value if the journal turns out to be damaged.
---@param r table a reader of a journal
---@return table
function M.status(r)
  local out = head(r)
  out.failures, out.running = json.array(), json.array()
  out.failures_total = out.counts.failed or 0
  for job in r:jobs { state = "failed", limit = FAILURES } do
    out.failures[#out.failures + 1] = with_attempt(r, job)
  end
  for job in r:jobs { state = "running" } do
    out.running[#out.running + 1] = with_attempt(r, job)
  end
  return out
end

-- ---- the report --------------------------------------------------------------------------------

local function add_outputs(r, seq, attempt, out)
  for _, which in ipairs { "stdout", "stderr" } do
    local output = r:output(seq, attempt.number, which)
    if output and out[which] then
      fields.put(out[which], "text", output.text)
      fields.put(out[which], "path", output.path)
    end
  end
end

local function job_text(r, job, attempts, with_outputs)
  local out = fields.job(job)
  out.attempts = json.array()
  if job.spec then
    fields.put(out, "command", require("kavach.batch.report.command").text(job))
  else
    out.command = json.null
  end
  for i, attempt in ipairs(attempts) do
    local each = fields.attempt(attempt)
    if with_outputs then add_outputs(r, job.seq, attempt, each) end
    out.attempts[i] = each
  end
  return json.encode(out)
end

local function write_all(r, write, options)
  local text, why = json.encode(head(r))
  if not text then return nil, why end
  write(text:sub(1, -2) .. ',"jobs":[')
  local separator = "\n"
  for job, attempts in walk.jobs(r) do
    text, why = job_text(r, job, attempts, options and options.outputs)
    if not text then return nil, why end
    write(separator .. text)
    separator = ",\n"
  end
  write "\n]}\n"
  return true
end

--- Writes the document, job by job: nothing is kept.
---@param r table a reader of a journal
---@param write fun(piece: string)
---@param options? { outputs: boolean? } with the outputs that the journal holds, or their paths
---@return true?
---@return kavach.Error?
function M.report(r, write, options) return guard.run(write_all, r, write, options) end

return M
