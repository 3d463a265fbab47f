--- `kavach batch report`: what became of a batch, as text, HTML, and what other programs read.

local EXIT_USAGE <const> = 64
local FAILED_SHOWN <const> = 20
local LINES_SHOWN <const> = 5

local function configure(parser)
  parser.interleaved = true
  parser:description "Report what became of a batch, from its journal: during and after."
  parser:argument("name", "The batch, as kavach batch list shows it.")
  parser:option("--html", "An HTML report, all in one file."):argname "FILE"
  parser:option("--junit", "JUnit XML."):argname "FILE"
  parser:option("--joblog", "A line for each attempt, in GNU parallel's format."):argname "FILE"
  parser:option("--results", "A folder for each job there: stdout, stderr, files, result.json.")
    :argname "DIR"
  parser:epilog [[
With none of these, and with --json, the report goes to standard output. FILE may be -.
Folders have the job's id as their name, with %2F for a slash; what is long is cut, and
ends in a digest.

Exit codes: 0; 1 if there is no such batch, or something cannot be written; 64 usage.

Examples:
   kavach batch report thumbnails
   kavach batch report thumbnails --html report.html --junit jobs.xml
   kavach batch report thumbnails --json | jq '.jobs[] | select(.state == "failed").id']]
end

local function plain(text) return require("kavach.plain").text(text) end

-- ---- text --------------------------------------------------------------------------------------

local function print_failure(r, facts_of, one, folder)
  local words = require "kavach.batch.report.words"
  local tries = one.attempts > 1 and (" (attempt %d of %d)"):format(one.last.number, one.attempts)
    or ""
  io.stdout:write(("  ✗ %s: %s%s\n"):format(plain(words.shortened(one.job.id, 200)),
    plain(words.shortened(one.reason, 400)), tries))
  local lines = {}
  for line in (facts_of.last_words(r, one, folder) or ""):gmatch "[^\n]+" do
    lines[#lines + 1] = line
  end
  for i = math.max(1, #lines - LINES_SHOWN + 1), #lines do
    io.stdout:write("      ", plain(lines[i]), "\n")
  end
end

local function print_text(r, folder)
  local facts_of, words = require "kavach.batch.report.facts", require "kavach.batch.report.words"
  local facts = facts_of.gather(r, require("kavach.core").wall_clock())
  local _, sentence = facts_of.outcome(facts)
  io.stdout:write(("%s: %s\n"):format(plain(facts.about.name), sentence))
  local first, last = facts.runs[1], facts.runs[#facts.runs]
  if first then
    io.stdout:write(("  %s, %s: %s at work, %s of jobs%s\n"):format(words.time(first.began),
      #facts.runs > 1 and ("%d runs, the last: %s"):format(#facts.runs, last.said) or last.said,
      words.duration(facts.wall_ms), words.duration(facts.job_ms),
      facts.speed_up and (" (%.2f×)"):format(facts.speed_up) or ""))
  end
  for i = 1, math.min(#facts.failures, FAILED_SHOWN) do
    print_failure(r, facts_of, facts.failures[i], folder)
  end
  local more = facts.counts.failed - math.min(#facts.failures, FAILED_SHOWN)
  if more > 0 then io.stdout:write(("  and %s more that failed\n"):format(words.count(more))) end
end

-- ---- files -------------------------------------------------------------------------------------

local WRITERS <const> = {
  { "html", "write" }, { "junit", "write" }, { "joblog", "write" }, { "results", "export" },
}

-- Whether something was written; nil and an error.
local function write_files(r, args, folder)
  local some = false
  for _, writer in ipairs(WRITERS) do
    local name, how = writer[1], writer[2]
    if args[name] then
      local write = require("kavach.batch.report." .. name)[how]
      local ok, why = write(r, args[name], { folder = folder })
      if not ok then return nil, require("kavach.err").wrap(why, "--" .. name) end
      some = true
    end
  end
  return some
end

-- How many documents are to go to standard output.
local function count_printed(args)
  local count = args.json and 1 or 0
  for _, name in ipairs { "html", "junit", "joblog" } do
    if args[name] == "-" then count = count + 1 end
  end
  return count
end

local function report(r, args, folder)
  local some, why = write_files(r, args, folder)
  if some == nil then return nil, why end
  if args.json then
    return require("kavach.batch.report.document").report(r, function(piece)
      io.stdout:write(piece)
    end)
  end
  if not some then print_text(r, folder) end
  return true
end

local function run(args)
  if count_printed(args) > 1 then
    require("kavach.cli").complain "batch report: only one document can go to standard output"
    return EXIT_USAGE
  end
  local where, why = require("kavach.batch.place").existing(args.name)
  if not where then return nil, why end
  local r, unread = require("kavach.batch.journal").reader(where.db)
  if not r then return nil, unread end
  local fine, ok, trouble = pcall(report, r, args, where.out)
  r:close()
  if not fine then error(ok, 0) end
  if not ok then return nil, trouble end
  return 0
end

return {
  summary = "Report what became of a batch.",
  configure = configure,
  tells_failure = true,
  run = run,
}
