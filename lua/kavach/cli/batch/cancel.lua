--- `kavach batch cancel`: the end of a batch that runs, or of some of its jobs.

return require("kavach.cli.batch.steer").command {
  summary = "End a batch that runs, or some of its jobs.",
  description = "End a batch that runs, to be resumed later; or some of its jobs, for good.",
  configure = function(parser)
    parser:argument("job", "The jobs' ids; without any, the batch."):args "*"
  end,
  epilog = [[
Exit codes: 0; 1 if it does not run, or has no such job that waits or runs; 64 usage.

Examples:
   kavach batch cancel thumbnails
   kavach batch cancel thumbnails a.png b.png]],
  order = function(args)
    if #args.job == 0 then return "batch.cancel", {} end
    local list = {}
    for i, id in ipairs(args.job) do list[i] = { job = id } end
    return "batch.cancel", table.unpack(list)
  end,
}
