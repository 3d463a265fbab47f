--- `kavach batch resume`: goes on with a batch that has ended before its jobs had.

local options = require "kavach.cli.options"

local MOST_JOBS <const> = 100000

local function configure(parser)
  parser.interleaved = true
  parser:description "Go on with a batch: what is committed is not run again."
  parser:argument("name", "The batch, as kavach batch list shows it.")
  parser:option("-j --jobs", "How many run at a time, in place of what it began with."):argname "N"
    :convert(options.integer(1, MOST_JOBS))
  parser:flag("--failed", "Run those that have not succeeded, too.")
  parser:flag("--changed", "Go on although its script has changed.")
  parser:flag("-q --quiet", "Tell failures and the end only.")
  parser:epilog [[
The batch is run with the options, arguments and folder that it began with; standard
input comes from its journal. Jobs that were interrupted begin anew, when it is certain
that nothing of their earlier attempts is left; that is none of their retries. With
--failed, jobs that failed, were skipped or cancelled have all their retries again.

Exit codes: as kavach batch.

Examples:
   kavach batch resume thumbnails
   kavach batch resume thumbnails --failed --jobs 8]]
end

local function fail(message, ...)
  return require("kavach.err").fail("invalid_argument", message:format(...))
end

-- The words that it began with, read again in the folder that it began in.
local function begun_with(origin, args)
  local lfs, spec = require "lfs", require "kavach.batch.spec"
  local words, why = spec.unpack(origin.words)
  local cwd = words and spec.unpack(origin.cwd)
  if not words or not cwd then return nil, why end
  local ok, trouble = lfs.chdir(cwd)
  if not ok then return fail("the folder that batch '%s' began in: %s", args.name, trouble) end
  local parser = options.parser("kavach batch", require("kavach.cli.batch").configure)
  local again, message = options.parse(parser, words)
  if not again then
    return fail("what batch '%s' began with is not understood any more: %s", args.name, message)
  end
  again.words, again.resume, again.replace, again.name = words, true, nil, args.name
  again.json, again.log_format = args.json, args.log_format
  for _, name in ipairs { "jobs", "failed", "changed", "quiet" } do
    if args[name] ~= nil then again[name] = args[name] end
  end
  return again
end

local function run(args)
  local handlers <close> = require("kavach.cli.batch.signals").new()
  local go = require "kavach.cli.batch.go"
  local where, why = require("kavach.batch.place").existing(args.name)
  if not where then return nil, why end
  local reader <close>, unreadable = require("kavach.batch.journal").reader(where.db)
  if not reader then return nil, unreadable end
  local about
  about, why = reader:about()
  if not about then return nil, why end
  if about.form == "lua" then
    return fail("batch '%s' is a Lua program's own: run that again, with batch:resume()", args.name)
  end
  local again
  again, why = begun_with(about.source, args)
  if not again then return nil, why end
  local input = require("kavach.batch.input").new(nil)
  input:open(reader)
  local asked, message
  asked, message, why = go.read(again, input)
  if not asked then return nil, why or require("kavach.err").new("invalid_argument", message) end
  return go.run(asked, handlers)
end

return {
  summary = "Go on with a batch.",
  configure = configure,
  tells_failure = true,
  failure_exit = require("kavach.cli.batch").failure_exit,
  run = run,
}
