--- `kavach batch continue`: a paused batch goes on.

return require("kavach.cli.batch.steer").command {
  summary = "Have a batch that was paused go on.",
  description = "Have a batch that was paused go on.",
  epilog = [[
Exit codes: 0; 1 if it does not run; 64 usage. One that does not run any more is resumed.

Example:
   kavach batch continue thumbnails]],
  order = function() return "batch.continue", {} end,
}
