--- Child processes for scripts.
---
--- Each is the leader of a session and process group of its own, inherits descriptors 0, 1, 2 only,
--- and dies with this process, with all that it started: see core/loop/supervisor.h.

local child = require "kavach.process.child"
local command = require "kavach.process.command"

local M = { class = child.class, exec_checked = require "kavach.process.exec" }

--- Starts a program. What cannot be run shows when it is waited for. A process that nobody holds
--- any more is killed when it is collected.
---
--- Options: `env` (a map; nil: this process's), `cwd`, `stdin` ("null", "pipe", "inherit", or a
--- stream), `stdout` and `stderr` ("pipe", "null", "inherit"; stderr also "stdout"), and `program`:
--- an open file (of kavach.core.program_open) that is run, whatever argv[1] names.
---@param argv string[]
---@param options table?
---@return kavach.Process? process, kavach.Error? error
function M.start(argv, options)
  command.check_argv(argv, "process.start")
  options = command.start_options(options)
  options.tell_start = true
  return child.start(argv, options)
end

--- Runs a program to its end and returns what it printed.
---
--- Options: those of `start`, but `stdin` is bytes or a stream, and `max_output` (bytes of each
--- stream that are kept, default 1 MiB: the rest is read and dropped), `timeout_ms` (default
--- 30 000; 0: none), `grace_ms` (default 2 000) between SIGTERM and SIGKILL to its group after it.
---
--- `on_stdout` and `on_stderr` get the bytes of their stream, as they come and all of them, instead
--- of the result, which has "" there. They must not wait. What one raises, exec does, once the
--- process is gone; so it is when the task of exec is cancelled.
---
--- The result: `{ exit_code, signal, timed_out, stdout, stderr, stdout_truncated, stderr_truncated,
--- duration_ms, cpu_ms, max_rss_kb }`; exit_code is -1 where it timed out, 128 + N for signal N.
---@param argv string[]
---@param options kavach.ExecOptions?
---@return table? result, kavach.Error? error
function M.exec(argv, options)
  command.check_argv(argv, "process.exec")
  local result, e = M.exec_checked(argv, command.exec_options(options))
  return result, e
end

return M
