--- `kavach batch jobs`: how many jobs of a batch that runs run at a time.

local options = require "kavach.cli.options"

local MOST <const> = 100000

return require("kavach.cli.batch.steer").command {
  summary = "Change how many jobs of a batch run at a time.",
  description = "Change how many jobs of a batch that runs run at a time.",
  configure = function(parser)
    parser:argument("count", "How many."):convert(options.integer(1, MOST))
  end,
  epilog = [[
Jobs that run go on, also if there are to be fewer. Exit codes: 0; 1 if it does not run;
64 usage.

Example:
   kavach batch jobs thumbnails 8]],
  order = function(args) return "batch.jobs", { jobs = args.count } end,
}
