--- The jobs of a batch as JUnit's XML, which build servers show: a test case each. What did not run
--- (its turn has not come, a job that it needs failed, it was cancelled) is skipped.

local sink = require "kavach.batch.report.sink"
local tail = require "kavach.batch.report.tail"
local walk = require "kavach.batch.report.walk"
local words = require "kavach.batch.report.words"
local xml = require "kavach.xml"

local M = {}

-- Beyond so many, the lines of failures are left out: a build server reads all of it.
local LINES_OF <const> = 1000

local function seconds(ms) return ("%.3f"):format(ms / 1000) end

local function failure(r, job, last, with_lines, folder)
  local reason = job.reason or words.reason(last) or "it failed"
  local kind = last and (last.timed_out and "timeout" or last.oom_killed and "out of memory"
    or (last.signal or 0) > 0 and "signal" or "exit") or "none"
  local lines = with_lines and tail.last_words(r, job.seq, last and last.number, folder)
  local head = ('      <failure message="%s" type="%s"'):format(xml.escape(reason), kind)
  return lines and ("%s>%s</failure>\n"):format(head, xml.lines(lines)) or head .. "/>\n"
end

local function skipped(job)
  local why = job.state == "skipped" and job.reason
    or job.state == "cancelled" and "cancelled" .. (job.reason and ": " .. job.reason or "")
    or "not done yet: " .. job.state
  return ('      <skipped message="%s"/>\n'):format(xml.escape(why))
end

local function case(r, job, attempts, name, counted, folder)
  local ms = 0
  for _, attempt in ipairs(attempts) do ms = ms + (walk.took(attempt) or 0) end
  local head = ('    <testcase name="%s" classname="%s" time="%s"'):format(xml.escape(job.id),
    xml.escape(job.tag and job.tag ~= "" and job.tag or name), seconds(ms))
  local body = ""
  if #attempts > 1 then
    body = ('      <properties><property name="attempts" value="%d"/></properties>\n')
      :format(#attempts)
  end
  if job.state == "failed" then
    counted.failed = counted.failed + 1
    body = body .. failure(r, job, attempts[#attempts], counted.failed <= LINES_OF, folder)
  elseif job.state ~= "done" then
    body = body .. skipped(job)
  end
  return body == "" and head .. "/>\n" or ("%s>\n%s    </testcase>\n"):format(head, body)
end

local function head_of(r, name)
  local counts, ms, first = assert(r:counts()), 0, nil
  for attempt in r:attempts() do
    ms = ms + (walk.took(attempt) or 0)
    local started = attempt.started_ns
    if started and (not first or started < first) then first = started end
  end
  local facts = ('tests="%d" failures="%d" errors="0" skipped="%d" time="%s"'):format(counts.total,
    counts.failed, counts.total - counts.failed - counts.done, seconds(ms))
  local when = first and (' timestamp="%s"'):format(words.iso(first):sub(1, 19)) or ""
  return ('<?xml version="1.0" encoding="UTF-8"?>\n<testsuites %s>\n  <testsuite name="%s" %s%s>\n')
    :format(facts, xml.escape(name), facts, when)
end

--- Writes the document.
---@param r table a reader of a journal
---@param path string or "-"
---@param options? { folder: string? } where relative paths of outputs begin
---@return true?
---@return kavach.Error?
function M.write(r, path, options)
  local folder = options and options.folder
  return sink.whole(path, function(out)
    local name, counted = assert(r:about()).name, { failed = 0 }
    out:write(head_of(r, name))
    for job, attempts in walk.jobs(r, { spec = false }) do
      out:write(case(r, job, attempts, name, counted, folder))
      if not out:ok() then break end
    end
    out:write "  </testsuite>\n</testsuites>\n"
    return true
  end)
end

return M
