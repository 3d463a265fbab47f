--- The limits: --memory, --cpus.

local options = require "kavach.cli.options"

local M = {}

local MAX_MEMORY_MB <const> = 16 * 1024 * 1024

function M.configure(parser)
  parser:option("--memory", "The guest's memory in MiB."):argname "MIB"
    :convert(options.integer(1, MAX_MEMORY_MB))
  parser:option("--cpus", "The guest's CPUs."):argname "N":convert(options.number(0, 255))
end

function M.read(args, box)
  box.memory_limit_mb, box.cpu_limit = args.memory, args.cpus
  return true
end

return M
