--- `kavach batch status`: how a batch stands, during and after.

local words = require "kavach.cli.batch.words"

local FOLLOW_MS <const> = 1000
local FAILURES_SHOWN <const>, RUNNING_SHOWN <const> = 5, 8
local BAR_CELLS <const> = 24
local COLUMNS <const> = 80

local function configure(parser)
  parser.interleaved = true
  parser:description "Tell how a batch stands, while it runs and after."
  parser:argument("name", "The batch, as kavach batch list shows it.")
  parser:flag("-f --follow", "Go on, until the process that runs it ends.")
  parser:epilog [[
Of a process that does not answer, computing or stopped, the journal tells what it has
committed. --json prints one document; with --follow, one a second.

Exit codes: 0; 1 if there is no such batch, or its journal cannot be read; 64 usage.

Examples:
   kavach batch status thumbnails
   kavach batch status thumbnails --follow
   kavach batch status thumbnails --json]]
end

-- ---- for people --------------------------------------------------------------------------------

local function since(ns)
  return words.duration(math.max(require("kavach.core").wall_clock() - ns, 0) // 1000000)
end

local ENDED <const> = {
  done = "every job succeeded", failed = "some jobs did not succeed", halted = "it halted",
  error = "it failed", journal = "its journal could not be written",
}

local function state_of(facts)
  local run, state = facts.run, facts.state
  if state == "new" then return "it has not been run yet" end
  if state == "running" then
    local text = ("running by process %d for %s, %d at a time"):format(run.pid,
      since(run.began_ns), facts.snapshot.jobs or run.jobs or 1)
    if facts.snapshot.paused then text = text .. "; paused" end
    if facts.snapshot.draining then text = text .. "; draining" end
    return facts.live and text or text .. "; it does not answer"
  end
  if state == "died" then
    return ("its process %d died; it began %s ago"):format(run.pid, since(run.began_ns))
  end
  local how = ENDED[state] or state:gsub("^signal", "it was ended by signal")
  return ("%s; it ended %s ago"):format(how, since(run.ended_ns))
end

local function counts_line(snapshot, style)
  local counts = snapshot.counts
  local line = words.tally(counts)
  if not counts.total or counts.total == 0 then return line end
  local ended = words.ended(counts)
  return ("%s  %s/%s  %d %%  %s"):format(
    require("kavach.cli.batch.progress.head").bar(style, ended, counts.total, BAR_CELLS),
    words.count(ended), words.count(counts.total), ended * 100 // counts.total, line)
end

local function add_running(out, facts, room, style)
  local running = facts.state == "running" and facts.snapshot.running or {}
  if #running == 0 then return end
  out[#out + 1] = "running"
  for _, line in ipairs(require("kavach.cli.batch.progress.block").job_lines(running,
    math.min(#running, RUNNING_SHOWN), room, style)) do
    out[#out + 1] = tostring(line)
  end
  if #running > RUNNING_SHOWN then
    out[#out + 1] = ("    and %d more"):format(#running - RUNNING_SHOWN)
  end
end

local function add_failures(out, standing, facts, room, style)
  local count = facts.snapshot.counts.failed or 0
  if count == 0 then return end
  local new_line = require "kavach.cli.batch.progress.line"
  out[#out + 1] = "failed"
  for job in standing.reader:jobs { state = "failed", limit = FAILURES_SHOWN, spec = false } do
    out[#out + 1] = tostring(new_line(style, room):add("  " .. style.signs.failed .. " ", "red")
      :add(style:plain(job.id)):add(": " .. style:plain(words.reason(job.reason))))
  end
  if count > FAILURES_SHOWN then
    out[#out + 1] = ("    and %s more"):format(words.count(count - FAILURES_SHOWN))
  end
end

local function add_steps(out, name, facts)
  local steps = {}
  local counts = facts.snapshot.counts
  if (counts.failed or 0) > 0 then steps[1] = "kavach batch logs " .. name end
  if facts.state == "running" then
    steps[#steps + 1] = ("kavach batch status %s --follow"):format(name)
  else
    steps[#steps + 1] = words.next_step(name, counts)
  end
  if #steps == 0 then return end
  out[#out + 1] = "next"
  for _, step in ipairs(steps) do out[#out + 1] = "  " .. step end
end

-- Lines of text.
local function text_of(standing, facts, room, style)
  local out = { ("%s: %s"):format(style:paint(standing.name, "bold"), state_of(facts)) }
  out[2] = counts_line(facts.snapshot, style)
  add_running(out, facts, room, style)
  add_failures(out, standing, facts, room, style)
  add_steps(out, standing.name, facts)
  return table.concat(out, "\n") .. "\n"
end

local function print_text(standing, facts)
  local core, style_module = require "kavach.core", require "kavach.cli.batch.style"
  local style = style_module.read()
  if not core.isatty(1) then style = style_module.new(false, false, style.unicode) end
  local _, columns = core.winsize(1)
  io.stdout:write(text_of(standing, facts, (columns or COLUMNS) - 1, style))
end

-- ---- for programs ------------------------------------------------------------------------------

local function print_json(standing, facts)
  local document = require("kavach.batch.report.document").status(standing.reader)
  document.live = facts.live and require("kavach.cli.batch.encoded").snapshot(facts.live)
    or require("kavach.json").null
  document.state = facts.state
  local text, why = require("kavach.json").encode(document)
  if not text then return nil, why end
  io.stdout:write(text, "\n")
  return true
end

-- ---- following ---------------------------------------------------------------------------------

-- Looks once a second, and has each look shown, until nobody runs it: the last look.
local function watch(standing, show)
  local task = require "kavach.task"
  while true do
    local facts, why = standing:look()
    if not facts or facts.state ~= "running" then return facts, why end
    local ok
    ok, why = show(facts)
    if not ok then return nil, why end
    task.sleep(FOLLOW_MS)
  end
end

local function follow_on_terminal(standing)
  local core = require "kavach.core"
  local out <close>, why = require("kavach.cli.batch.writer").open(1, "standard output")
  if not out then return nil, why end
  local latest
  local display <close> = require("kavach.cli.batch.progress").open {
    out = out, snapshot = function() return latest end,
    size = function()
      local rows, columns = core.winsize(1)
      return rows or 24, columns or COLUMNS
    end,
  }
  return watch(standing, function(facts)
    latest = facts.snapshot
    display:changed()
    return true
  end)
end

-- A line each time that something has ended.
local function follow_in_lines(standing)
  local last
  return watch(standing, function(facts)
    local counts = facts.snapshot.counts
    local line = ("%s: %s"):format(standing.name, words.tally(counts, tostring))
    if line ~= last then io.stdout:write(line, "\n") end
    last = line
    return io.stdout:flush()
  end)
end

local function follow(standing, args)
  if args.json then
    return watch(standing, function(facts)
      local ok, why = print_json(standing, facts)
      if not ok then return nil, why end
      return io.stdout:flush()
    end)
  end
  if require("kavach.core").isatty(1) and require("kavach.cli.batch.style").read().block then
    return follow_on_terminal(standing)
  end
  return follow_in_lines(standing)
end

local function run(args)
  local standing <close>, why = require("kavach.cli.batch.standing").open(args.name)
  if not standing then return nil, why end
  local facts
  if args.follow then
    facts, why = follow(standing, args)
  else
    facts, why = standing:look()
  end
  if not facts then return nil, why end
  if not args.json then
    print_text(standing, facts)
    return 0
  end
  local ok
  ok, why = print_json(standing, facts)
  if not ok then return nil, why end
  return 0
end

return {
  summary = "Tell how a batch stands.",
  configure = configure,
  tells_failure = true,
  run = run,
}
