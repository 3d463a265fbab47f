--- `kavach exec`: one command in a sandbox that runs already.

local options = require "kavach.cli.options"

local MAX_OUTPUT <const> = 1024 * 1024 * 1024

local function configure(parser)
  parser.leading = 1
  parser:description "Run one command in a sandbox that runs already."
  parser:argument("sandbox", "Its name or id, as kavach ps shows them.")
  parser:argument("command", "A word alone is a line for the guest's /bin/sh; several words, or "
    .. "those behind --, are a program and its arguments."):args "*"
  require("kavach.cli.sandbox").configure_environment(parser)
  parser:option("--timeout", "The time for the command: 500ms, 8s, 2m."):argname "TIME"
    :convert(options.duration)
  parser:option("--grace", "Between SIGTERM and SIGKILL when the time is up."):argname "TIME"
    :convert(options.duration)
  parser:option("--workdir", "The folder that the command starts in."):argname "DIR"
  parser:option("--user", "Whom it runs as: a name or number, also with :GROUP."):argname "USER"
  parser:flag("-t --tty", "Give the command a terminal.")
  parser:option("--max-output", "Bytes to keep of each stream."):argname "BYTES"
    :convert(options.integer(0, MAX_OUTPUT))
  parser:epilog [[
Options may stand before the sandbox or behind it. Standard input, output and signals are
the command's, and so is the exit code, as with kavach run. When kavach exec itself is
ended, so is the command.

Exit codes: the command's own; 128+N if signal N ended it; 124 the time was up; 125 kavach
failed; 126 the command cannot be executed; 127 it was not found.

Examples:
   kavach exec web -- ps -ef
   kavach exec web -t sh
   tar c src | kavach exec build --workdir /tmp 'tar x']]
end

local function run(args)
  -- First of all: an interrupt while the rest is loaded is one as well.
  local handlers <close> = require("kavach.cli.run.signals").catch()
  local settings, why = require("kavach.cli.run.settings").command(args, "exec")
  if settings then
    settings.exec.env, why = require("kavach.cli.sandbox").environment(args)
  end
  local session = require "kavach.cli.run.session"
  if not settings or not settings.exec.env then
    return session.fail({ settings = { json = args.json, program = "exec" } }, why)
  end
  return session.run(settings, handlers, function()
    return require("kavach.cli.exec.box")(args.sandbox)
  end)
end

return {
  summary = "Run one command in a sandbox that runs already.",
  configure = configure,
  run = run,
  usage_exit = 125,
  failure_exit = 125,
}
