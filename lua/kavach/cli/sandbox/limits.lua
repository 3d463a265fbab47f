--- The limits: --policy, --memory, --cpus, --max-pids, --disk, --read-only.

local options = require "kavach.cli.options"

local M = {}

local MAX_MEMORY_MB <const> = 16 * 1024 * 1024
local MIN_DISK_MB <const>, MAX_DISK_MB <const> = 4, 1024 * 1024
local MAX_PIDS <const> = 4 * 1024 * 1024

function M.configure(parser)
  parser:option("--policy", "A set of limits; those given beside it win.\n"
    .. "minimal: 1 CPU, 256 MiB, 64 processes, a read-only root.\n"
    .. "basic: 2 CPUs, 512 MiB (the default).\n"
    .. "strict: half a CPU, 256 MiB, 32 processes, a read-only root."):argname "NAME"
  parser:option("--memory", "The guest's memory in MiB."):argname "MIB"
    :convert(options.integer(1, MAX_MEMORY_MB))
  parser:option("--cpus", "The guest's CPUs, also a fraction: 0.5, 1.5."):argname "N"
    :convert(options.number(0, 255))
  parser:option("--max-pids", "Processes and threads of all commands together."):argname "N"
    :convert(options.integer(1, MAX_PIDS))
  parser:option("--disk", "Keep what is written on a disk of this size, not in memory.")
    :argname "MIB":convert(options.integer(MIN_DISK_MB, MAX_DISK_MB))
  parser:flag("--read-only", "A root that cannot be written; /tmp, /run and /dev/shm can.")
end

function M.read(args, box)
  box.policy, box.memory_limit_mb, box.cpu_limit = args.policy, args.memory, args.cpus
  box.max_pids, box.disk_mb, box.read_only_rootfs = args.max_pids, args.disk, args.read_only
  return true
end

return M
