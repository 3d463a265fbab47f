--- The tables of the HTML report: the slowest jobs, those that were skipped, and the runs.

local words = require "kavach.batch.report.words"
local xml = require "kavach.xml"

local M = {}

local ID_MOST <const> = 120
local KIB <const>, MIB <const>, GIB <const> = 1, 1 << 10, 1 << 20

--- An id as it is shown.
---@param id string
---@return string
function M.id(id) return xml.escape(words.shortened(id, ID_MOST)) end

-- What a column's name begins with says how it stands.
local CLASSES <const> = { [">"] = ' class="num"', ["+"] = ' class="roomy"' }

-- A section with a table that scrolls in its own box if there is no room for it.
local function section(id, title, head, rows, note)
  local cells = {}
  for i, name in ipairs(head) do
    local class = CLASSES[name:sub(1, 1)] or ""
    cells[i] = ('<th scope="col"%s>%s</th>'):format(class, (name:gsub("^%p", "")))
  end
  return ('<section aria-labelledby="%s">\n<h2 id="%s">%s</h2>\n%s<div class="box" tabindex="0" '
    .. 'role="region" aria-labelledby="%s">\n<table>\n<thead><tr>%s</tr></thead>\n<tbody>\n%s\n'
    .. "</tbody>\n</table>\n</div>\n</section>\n"):format(id, id, title,
    note and ('<p class="note">%s</p>\n'):format(note) or "", id, table.concat(cells),
    table.concat(rows, "\n"))
end

local function memory(kib)
  if not kib then return "–" end
  if kib < MIB then return ("%d KiB"):format(kib // KIB) end
  if kib < GIB then return ("%d MiB"):format(kib // MIB) end
  return ("%.1f GiB"):format(kib / GIB)
end

local MARKS <const> = {
  done = "✓", failed = "✗", cancelled = "–", interrupted = "!", running = "…", died = "✗",
}

local function state_cell(state, said)
  return ('<span class="%s">%s</span> %s'):format(state == "died" and "failed" or state,
    MARKS[state] or "·", xml.escape(said or state))
end

function M.slowest(facts)
  local list = facts.slowest
  if #list == 0 then return "" end
  local most, rows = math.max(list[1].ms, 1), {}
  for i, one in ipairs(list) do
    local cpu = one.last.cpu_ms
    rows[i] = ('<tr><th scope="row">%s</th><td class="num">%s</td><td class="roomy"><span '
      .. 'class="bar"><i class="%s" style="width:%.1f%%"></i></span></td><td class="num">%d</td>'
      .. '<td class="num">%s</td><td class="num">%s</td><td>%s</td></tr>'):format(
      M.id(one.job.id), words.duration(one.ms), one.job.state, one.ms / most * 100, one.attempts,
      cpu and words.duration(cpu) or "–", memory(one.last.max_rss_kb), state_cell(one.job.state))
  end
  return section("slowest", #list == 1 and "The slowest job"
    or ("The slowest %d jobs"):format(#list),
    { "Job", ">Time", "+Of the longest", ">Attempts", ">CPU", ">Memory",
      "State" }, rows, "The time of all attempts of a job; CPU and memory of the last one.")
end

function M.skipped(facts)
  local list, total = facts.skipped, facts.counts.skipped
  if #list == 0 then return "" end
  local rows = {}
  for i, job in ipairs(list) do
    rows[i] = ('<tr><th scope="row">%s</th><td class="wide">%s</td></tr>'):format(M.id(job.id),
      xml.escape(words.shortened(job.reason or "a job that it needs did not succeed", 400)))
  end
  return section("skipped", words.count(total, "job") .. " skipped", { "Job", "Because" }, rows,
    total > #list and ("The first %d of them."):format(#list) or nil)
end

function M.runs(facts)
  local rows = {}
  for i, run in ipairs(facts.runs) do
    local good = run.state == "done" and "done" or run.state == "running" and "running"
      or run.state == "died" and "died" or run.state == "failed" and "failed" or "interrupted"
    rows[i] = ('<tr><th scope="row">Run %d</th><td>%s</td><td>%s</td><td class="num">%s</td>'
      .. '<td class="num">%s</td><td class="num">%d</td><td>%s</td></tr>'):format(run.epoch,
      words.time(run.began), run.state == "running" and "–" or words.time(run.ended),
      words.duration(run.ms), run.slots and words.count(run.slots) or "–", run.attempts,
      state_cell(good, run.said))
  end
  if #rows == 0 then return "" end
  return section("runs", "Runs", { "Run", "Began", "Ended", ">Took", ">Slots", ">Attempts",
    "How it ended" }, rows, #rows > 1 and "Of a run that died, the end is the last thing that is "
    .. "known of it." or nil)
end

return M
