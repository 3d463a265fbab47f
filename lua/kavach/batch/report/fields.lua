--- Parts of the JSON documents of a batch that several of them have.

local json = require "kavach.json"
local walk = require "kavach.batch.report.walk"
local words = require "kavach.batch.report.words"

local M = {}

--- Puts bytes into a document: as they are; or what is no UTF-8 with escapes, for people, and
--- exactly as NAME_base64.
---@param out table
---@param name string
---@param bytes string?
function M.put(out, name, bytes)
  if not bytes or utf8.len(bytes) then
    out[name] = bytes or json.null
  else
    out[name] = require("kavach.plain").text(bytes)
    out[name .. "_base64"] = require("kavach.sandbox.base64").encode(bytes)
  end
end

local RESULT <const> = { "exit_code", "cpu_ms", "max_rss_kb", "boot_ms", "backend", "slot" }

local function whole(number)
  return number and (math.tointeger(number) or math.floor(number + 0.5)) or json.null
end

--- An output without its bytes.
---@param output table?
function M.output(output)
  return output and {
    bytes = output.bytes or json.null, truncated = output.truncated or false,
    digest = output.digest or json.null,
  } or json.null
end

local function file_of(file)
  local out = {
    bytes = file.bytes or json.null, digest = file.digest or json.null, entries = file.entries,
  }
  M.put(out, "path", file.path)
  return out
end

--- What is known of an attempt, in the names of the documents. What is not has the value null.
---@param attempt table as the journal's reader gives it, or the result of an event
---@return table
function M.attempt(attempt)
  local out = {
    state = attempt.state or json.null, number = attempt.number, run = attempt.epoch,
    signal = (attempt.signal or 0) > 0 and attempt.signal or json.null,
    timed_out = attempt.timed_out or false, oom_killed = attempt.oom_killed or false,
    duration_ms = whole(walk.took(attempt)), files = json.null,
    started_at = words.iso(attempt.started_ns) or json.null,
    ended_at = words.iso(attempt.ended_ns) or json.null,
    stdout = M.output(attempt.stdout), stderr = M.output(attempt.stderr),
  }
  for _, name in ipairs(RESULT) do
    out[name] = attempt[name] == nil and json.null or attempt[name]
  end
  M.put(out, "reason", attempt.reason)
  if attempt.files then
    out.files = json.array()
    for i, file in ipairs(attempt.files) do out.files[i] = file_of(file) end
  end
  return out
end

--- What a job is, without its attempts.
---@param job table
---@return table
function M.job(job)
  local out = {
    seq = job.seq, state = job.state, changed_at = words.iso(job.changed_ns) or json.null,
  }
  M.put(out, "id", job.id)
  M.put(out, "tag", job.tag or "")
  M.put(out, "reason", job.reason)
  return out
end

return M
