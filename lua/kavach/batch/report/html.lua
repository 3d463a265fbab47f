--- The report of a batch as one HTML file that needs nothing else: no script, no font, no picture
--- from elsewhere, and its policy (CSP) would let none in. What came from jobs is text in it.

local core = require "kavach.core"
local facts_of = require "kavach.batch.report.facts"
local sink = require "kavach.batch.report.sink"
local style = require "kavach.batch.report.html.style"
local tables = require "kavach.batch.report.html.tables"
local timeline = require "kavach.batch.report.timeline"
local words = require "kavach.batch.report.words"
local xml = require "kavach.xml"

local M = {}

local SOURCE_MOST <const>, SOURCE_LINES <const> = 300, 12

local HEAD <const> = [[
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>%s: %s</title>
<style>
%s</style>
</head>
<body>
]]

local MARKS <const> = { done = "✓", failed = "✗", unfinished = "!", running = "…" }
local STATES <const> = {
  "done", "failed", "skipped", "cancelled", "running", "retry", "waiting",
}

-- ---- the summary -------------------------------------------------------------------------------

local function fact(name, value, note)
  return ("<div><dt>%s</dt><dd>%s%s</dd></div>\n"):format(name, value,
    note and ("<small>%s</small>"):format(note) or "")
end

local function facts_list(facts)
  local list, counts = {}, facts.counts
  local function add(...) list[#list + 1] = fact(...) end
  add("Jobs", words.count(counts.total), ("%s done"):format(words.count(counts.done)))
  add("Failed", words.count(counts.failed), counts.skipped > 0
    and words.count(counts.skipped) .. " skipped" or nil)
  add("Wall time", words.duration(facts.wall_ms), #facts.runs > 1
    and ("in %s"):format(words.count(#facts.runs, "run")) or nil)
  add("Time of all jobs", words.duration(facts.job_ms), words.count(facts.attempts, "attempt"))
  add("Speed-up", facts.speed_up and ("%.2f×"):format(facts.speed_up) or "–",
    "with " .. words.count(facts.slots, "slot"))
  local interrupted = facts.by_state.interrupted
  add("Retries", words.count(math.max(0, facts.retried - (interrupted or 0))),
    interrupted and words.count(interrupted) .. " interrupted" or nil)
  return '<dl class="facts">\n' .. table.concat(list) .. "</dl>\n"
end

local function share(facts)
  local bar, legend = {}, {}
  for _, state in ipairs(STATES) do
    local count = facts.counts[state]
    if count > 0 then
      bar[#bar + 1] = ('<i class="%s" style="flex-grow:%d"></i>'):format(state, count)
      legend[#legend + 1] = ('<li><i class="swatch %s"></i>%s <span>%s</span></li>'):format(state,
        state == "retry" and "to be tried again" or state, words.count(count))
    end
  end
  if #bar == 0 then return "" end
  return ('<div class="share" aria-hidden="true">%s</div>\n<ul class="legend">%s</ul>\n'):format(
    table.concat(bar), table.concat(legend))
end

local function header(facts)
  local state, sentence = facts_of.outcome(facts)
  local first = facts.runs[1]
  return ('<header>\n<p class="over">kavach batch%s</p>\n<h1>%s</h1>\n<p class="outcome">'
    .. '<span class="mark %s" aria-hidden="true">%s</span>%s</p>\n%s%s</header>\n<main>\n'):format(
    first and ", begun " .. words.time(first.began) or "", xml.escape(facts.about.name), state,
    MARKS[state], sentence, facts_list(facts), share(facts))
end

-- ---- failures ----------------------------------------------------------------------------------

local WHICH <const> = { stderr = "standard error", stdout = "standard output" }

local function failure(r, one, folder)
  local meta = { xml.escape(words.shortened(one.reason, 400)) }
  if one.attempts > 1 then meta[2] = ("attempt %d of %d"):format(one.last.number, one.attempts) end
  if one.ms then meta[#meta + 1] = "took " .. words.duration(one.ms) end
  if one.last and one.last.slot then meta[#meta + 1] = ("slot %d"):format(one.last.slot) end
  if one.job.tag and one.job.tag ~= "" then meta[#meta + 1] = "tag " .. tables.id(one.job.tag) end
  local lines, which, cut = facts_of.last_words(r, one, folder)
  local body = '<p class="note">It wrote nothing.</p>\n'
  if lines then
    body = ('<pre tabindex="0" role="region" aria-label="Last lines of %s">%s</pre>\n%s'):format(
      WHICH[which] .. " of " .. tables.id(one.job.id), xml.lines(lines),
      cut and ('<p class="note">The last lines of %s.</p>\n'):format(WHICH[which]) or "")
  end
  return ('<article class="failure">\n<h3>%s</h3>\n<p class="meta">%s</p>\n%s</article>\n'):format(
    tables.id(one.job.id), table.concat(meta, " · "), body)
end

local function failures(r, facts, out, folder)
  local total = facts.counts.failed
  if #facts.failures == 0 then return end
  out:write(('<section aria-labelledby="failures">\n<h2 id="failures">%s failed</h2>\n'):format(
    words.count(total, "job")))
  if total > #facts.failures then
    out:write(('<p class="note">The first %d of them; <code>kavach batch report --json</code> has '
      .. "them all.</p>\n"):format(#facts.failures))
  end
  for _, one in ipairs(facts.failures) do out:write(failure(r, one, folder)) end
  out:write "</section>\n"
end

-- ---- the rest ----------------------------------------------------------------------------------

-- What the journal says of where the batch came from: its texts and numbers.
local function source_lines(source)
  local names, lines = {}, {}
  for name, value in pairs(type(source) == "table" and source or {}) do
    local kind = type(value)
    if type(name) == "string" and (kind == "string" or kind == "number") then
      names[#names + 1] = name
    end
  end
  table.sort(names)
  for i = 1, math.min(#names, SOURCE_LINES) do
    lines[i] = ("<dt>%s</dt><dd>%s</dd>"):format(xml.escape(words.shortened(names[i], 60)),
      xml.escape(words.shortened(tostring(source[names[i]]), SOURCE_MOST)))
  end
  return table.concat(lines)
end

local function footer(facts)
  return ('</main>\n<footer>\n<dl>%s<dt>journal</dt><dd>%s</dd></dl>\n<p>Written %s by kavach %s.'
    .. "</p>\n</footer>\n</body>\n</html>\n"):format(source_lines(facts.about.source),
    xml.escape(facts.about.uuid or "–"), words.time(facts.now),
    xml.escape(core.version))
end

--- Writes the report: whole, or not at all.
---@param r table a reader of a journal
---@param path string or "-"
---@param options? { folder: string?, now_ns: integer? } where relative paths of outputs begin; the
---  time, for what is still running
---@return true?
---@return kavach.Error?
function M.write(r, path, options)
  options = options or {}
  return sink.whole(path, function(out)
    local facts = facts_of.gather(r, options.now_ns or core.wall_clock())
    local _, sentence = facts_of.outcome(facts)
    out:write(HEAD:format(xml.escape(facts.about.name), sentence, style), header(facts))
    local lanes = timeline.html(r, facts)
    if lanes ~= "" then
      out:write('<section aria-labelledby="timeline">\n<h2 id="timeline">Attempts over time</h2>\n',
        lanes, "</section>\n")
    end
    failures(r, facts, out, options.folder)
    out:write(tables.slowest(facts), tables.skipped(facts), tables.runs(facts), footer(facts))
    return true
  end)
end

return M
