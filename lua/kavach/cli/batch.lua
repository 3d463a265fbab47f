--- `kavach batch`: many jobs, scheduled, journalled, resumable.

local options = require "kavach.cli.options"
local source = require "kavach.cli.batch.source"

local EXIT_JOURNAL <const>, EXIT_USAGE <const> = 3, 64
local MOST_JOBS <const> = 100000
local MOST_POOL <const> = 1000
local MOST_RETRIES <const> = 10000
local MOST_BYTES <const> = 1 << 40
local MOST_MB <const> = 1 << 30

-- A rule of kavach.batch.options as a converter.
local function checked(rule)
  return function(text)
    local value, must = rule(text)
    if value ~= nil then return value end
    return nil, ("'%s' is not %s"):format(text, must)
  end
end

local USAGE <const> = [[
Usage: kavach batch [OPTION…] FILE.lua [OPTION…] [ARG…]   the jobs of a script
       kavach batch [OPTION…] --command TEXT [INPUT…]     a command for each input
       kavach batch [OPTION…] [-a FILE] -- CMD [ARG…]     the same, without a shell
       kavach batch [OPTION…] --jsonl FILE                jobs as JSON Lines
       kavach batch VERB NAME …                           what there is, and what runs]]

local function configure_batch(parser)
  parser:option("--name", "What the batch is called, and its journal."):argname "NAME"
  parser:flag("--resume", "Go on with the batch of that name: see kavach batch resume.")
  parser:flag("--failed", "With --resume: jobs that have not succeeded run again.")
  parser:flag("--changed", "With --resume: although the script has changed.")
  parser:flag("--replace", "Make the batch of that name anew; what it has is removed.")
end

local function configure_schedule(parser)
  local rules = require "kavach.batch.options"
  parser:option("-j --jobs", "How many run at a time (default: one for each CPU)."):argname "N"
    :convert(options.integer(1, MOST_JOBS))
  parser:option("--total-memory", "What all sandboxes together may have (default: most of what is "
    .. "free)."):argname "MIB":convert(options.integer(1, MOST_MB))
  parser:option("--total-cpus", "The CPUs that all sandboxes together may have."):argname "N"
    :convert(options.number(0, MOST_JOBS))
  parser:option("--pool", "Have so many sandboxes wait ahead of the jobs; see README.")
    :argname "N":convert(options.integer(1, MOST_POOL))
  parser:option("--load", "Start none while the machine's load is higher."):argname "N"
    :convert(options.number(0, MOST_JOBS))
  parser:option("--rate", "Start no more than so many in a time: 10/s, 100/m."):argname "N/TIME"
    :convert(checked(rules.rate))
  parser:option("--halt", "End early: soon,fail=1 lets what runs finish, now,fail=10% ends it; "
    .. "also success= and done=."):argname "WHEN":convert(checked(rules.halt))
end

local function configure_jobs(parser)
  parser:option("--timeout", "The time for each attempt, its boot too: 500ms, 8s, 2m.")
    :argname "TIME":convert(options.duration)
  parser:option("--retries", "How often a job that fails is tried again (default: 0)."):argname "N"
    :convert(options.integer(0, MOST_RETRIES))
  parser:option("--retry-delay", "Before the first retry (default: 1s); it doubles each time, up "
    .. "to a minute."):argname "TIME":convert(options.duration)
  parser:option("--workdir", "The folder that the commands start in."):argname "DIR"
  parser:option("--user", "Whom they run as, in the guest."):argname "USER"
  parser:option("--max-output", "Bytes to keep of each stream (default: 64 MiB)."):argname "BYTES"
    :convert(options.integer(0, MOST_BYTES))
  parser:flag("--reuse", "Many jobs in one sandbox, one after the other.")
  parser:flag("--no-sandbox", "Run them as plain processes of this machine: NOT confined.")
end

local function configure_results(parser)
  parser:option("--results", "A folder for each job there: stdout, stderr, files, result.json.")
    :argname "DIR"
  parser:option("--joblog", "A line for each attempt, in GNU parallel's format."):argname "FILE"
  parser:option("--junit", "JUnit XML, at the end."):argname "FILE"
  parser:option("--report", "An HTML report, at the end."):argname "FILE"
  parser:flag("--output", "Print what jobs print, which is the default without a script.")
  parser:flag("--no-output", "Print nothing of it.")
  parser:flag("-k --keep-order", "Print it in the order of the jobs.")
  parser:flag("--tag", "Print each line of it with its job before it.")
  parser:flag("-q --quiet", "Tell failures and the end only.")
end

local function configure(parser)
  parser.leading = 1
  parser:usage(USAGE)
  parser:description "Run many jobs: scheduled, journalled, resumable."
  parser:argument("file", "A script that returns kavach.batch{…}; or the first input."):args "?"
  parser:argument("arguments", "What the script gets as arg; or more inputs."):args "*"
  options.group(parser, "The batch", configure_batch)
  options.group(parser, "Jobs without a script", source.configure)
  options.group(parser, "Each job", configure_jobs)
  options.group(parser, "How many at a time", configure_schedule)
  options.group(parser, "What comes of it", configure_results)
  options.group(parser, "Sandboxes (--env, --env-file and --grace are of plain processes, too)",
    require("kavach.cli.sandbox").configure)
  parser:epilog(source.HELP .. [[


Everything that happens is in the journal, $XDG_STATE_HOME/kavach/batch/NAME.db, before it
is told. After a crash, kavach batch resume NAME runs what is not committed there, and
nothing else. The command line is in there, --env too; only you can read it.

   kavach batch resume NAME                       go on with one that has ended early
   kavach batch status|logs|report NAME           how it stands, while it runs and after
   kavach batch pause|continue|jobs|cancel NAME   steer one that runs
   kavach batch list                              all that there are
   kavach batch remove NAME…                      remove them

Ctrl-C lets the jobs that run finish; once more ends them; a third time ends kavach.
--json prints a line of JSON for each event, and not what jobs print. What a plain process
leaves running in its process group ends with it; what has left that (setsid), with the
batch.

Exit codes: 0 every job succeeded; 1 it could not be run; 2 a job did not succeed; 3 the
journal could not be written; 64 usage; 128+N ended by signal N.

Examples:
   kavach batch scripts/jobs/demo.lua --report report.html
   kavach batch --no-sandbox --command 'gzip -k {}' *.log
   seq 100 | kavach batch --jobs 4 --memory 128 --command 'echo {}' --joblog log
   kavach batch -a hosts.csv --csv --header --id '{host}' --command 'ping -c1 {host}']])
end

-- A journal that could not be written to in the first place is one that could not be written.
local function failure_exit(failure)
  return failure and (failure.full or failure.readonly) and EXIT_JOURNAL or nil
end

local function usage(message)
  require("kavach.cli").complain("batch: " .. message .. "; see kavach batch --help")
  return EXIT_USAGE
end

local function run(args)
  local handlers <close> = require("kavach.cli.batch.signals").new()
  local go = require "kavach.cli.batch.go"
  local asked, message, why = go.read(args)
  if not asked then
    if why then return nil, why end
    return usage(message)
  end
  return go.run(asked, handlers)
end

return {
  summary = "Run many jobs: scheduled, journalled, resumable.",
  configure = configure,
  actions = { "resume", "status", "logs", "report", "list", "remove", "pause", "continue",
    "cancel", "jobs" },
  actions_only = false,
  tells_failure = true,
  failure_exit = failure_exit,
  run = run,
}
