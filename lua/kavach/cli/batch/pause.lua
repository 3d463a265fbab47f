--- `kavach batch pause`: starts no more jobs for a while.

return require("kavach.cli.batch.steer").command {
  summary = "Have a batch that runs start no more jobs.",
  description = "Have a batch that runs start no more jobs, until it is to continue.",
  epilog = [[
Jobs that run go on. Exit codes: 0; 1 if it does not run; 64 usage.

Example:
   kavach batch pause thumbnails]],
  order = function() return "batch.pause", {} end,
}
