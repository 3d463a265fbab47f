--- What a report says of a batch as a whole, gathered in one pass over its jobs.

local runs = require "kavach.batch.report.runs"
local tail = require "kavach.batch.report.tail"
local walk = require "kavach.batch.report.walk"
local words = require "kavach.batch.report.words"

local M = {}

local NS_OF_MS <const> = 1000000
local SLOWEST <const>, FAILURES <const>, SKIPPED <const> = 20, 100, 200

-- Keeps the `most` largest by `ms`, the largest first.
local function keep(list, item, most)
  if #list == most and item.ms <= list[most].ms then return end
  local at = math.min(#list + 1, most)
  while at > 1 and list[at - 1].ms < item.ms do
    list[at] = list[at - 1]
    at = at - 1
  end
  list[at] = item
end

-- When a run was at work: of one that died, until the last thing that is known of it.
local function spans(r, now)
  local list, by_epoch = {}, {}
  for i, run in ipairs(assert(r:runs())) do
    local state, said = runs.ending(run)
    list[i] = {
      epoch = run.epoch, slots = run.jobs, state = state, said = said, attempts = 0,
      began = run.began_ns, ended = run.ended_ns or state == "running" and now or run.began_ns,
    }
    by_epoch[run.epoch] = list[i]
  end
  return list, by_epoch
end

local function note_attempt(facts, attempt, run)
  facts.attempts = facts.attempts + 1
  facts.by_state[attempt.state] = (facts.by_state[attempt.state] or 0) + 1
  facts.job_ms = facts.job_ms + (walk.held(attempt) or walk.took(attempt) or 0)
  facts.slots = math.max(facts.slots, attempt.slot or 0)
  if not run then return end
  run.attempts = run.attempts + 1
  if run.state ~= "died" then return end
  run.ended = math.max(run.ended, attempt.claimed_ns or 0, attempt.started_ns or 0,
    attempt.ended_ns or 0)
end

local function note_job(facts, job, attempts)
  local ms, last = 0, attempts[#attempts]
  for _, attempt in ipairs(attempts) do ms = ms + (walk.took(attempt) or 0) end
  if last then
    keep(facts.slowest, { job = job, ms = ms, attempts = #attempts, last = last }, SLOWEST)
  end
  if #attempts > 1 then facts.retried = facts.retried + #attempts - 1 end
  if job.state == "failed" and #facts.failures < FAILURES then
    facts.failures[#facts.failures + 1] = {
      job = job, last = last, attempts = #attempts, ms = last and walk.took(last),
      reason = job.reason or words.reason(last) or "it failed",
    }
  elseif job.state == "skipped" and #facts.skipped < SKIPPED then
    facts.skipped[#facts.skipped + 1] = job
  end
end

--- `facts`: { about, counts, runs = { { epoch, slots, began, ended, ms, state, said, attempts } },
--- slots, attempts, by_state, retried, job_ms, wall_ms, speed_up, slowest, failures, skipped, now }
---@param r table a reader of a journal
---@param now integer ns since 1970
---@return table
function M.gather(r, now)
  local list, by_epoch = spans(r, now)
  local facts = {
    about = assert(r:about()), counts = assert(r:counts()), runs = list, now = now, slots = 1,
    attempts = 0, by_state = {}, retried = 0, job_ms = 0, wall_ms = 0, slowest = {}, failures = {},
    skipped = {},
  }
  for _, run in ipairs(list) do facts.slots = math.max(facts.slots, run.slots or 1) end
  for job, attempts in walk.jobs(r, { spec = false }) do
    for _, attempt in ipairs(attempts) do
      note_attempt(facts, attempt, by_epoch[attempt.epoch])
    end
    note_job(facts, job, attempts)
  end
  for _, run in ipairs(list) do
    run.ended = math.max(run.ended, run.began) -- a clock can be set back
    run.ms = (run.ended - run.began) / NS_OF_MS
    facts.wall_ms = facts.wall_ms + run.ms
  end
  if facts.wall_ms > 0 and facts.job_ms > 0 then facts.speed_up = facts.job_ms / facts.wall_ms end
  return facts
end

--- The last lines of a failure of `gather`.
---@param r table
---@param failure table
---@param folder string?
---@return string? lines
---@return string? which
---@return boolean? cut
function M.last_words(r, failure, folder)
  if not failure.last then return nil end
  return tail.last_words(r, failure.job.seq, failure.last.number, folder)
end

--- "running", "failed", "done", "unfinished", and a sentence of how the batch stands.
---@param facts table
---@return string state
---@return string sentence
function M.outcome(facts)
  local counts, last = facts.counts, facts.runs[#facts.runs]
  local open = counts.waiting + counts.running + counts.retry
  local done = counts.done == counts.total and words.count(counts.total, "job") .. " done"
    or ("%s of %s done"):format(words.count(counts.done), words.count(counts.total, "job"))
  local parts = { done }
  for _, state in ipairs { "failed", "skipped", "cancelled" } do
    if counts[state] > 0 then parts[#parts + 1] = words.count(counts[state]) .. " " .. state end
  end
  local state = "done"
  if last and last.state == "running" then
    state = "running"
  elseif counts.failed > 0 then
    state = "failed"
  elseif counts.done < counts.total then
    state = "unfinished"
  end
  if open > 0 then
    parts[#parts + 1] = words.count(open) .. (state == "running" and " to go" or " not finished")
  end
  return state, table.concat(parts, ", ")
end

return M
