--- Child processes for scripts.
---
--- Each is the leader of a session and process group of its own, inherits descriptors 0, 1, 2 only,
--- and dies with this process, with all that it started: see core/loop/supervisor.h.

local command = require "kavach.process.command"
local core = require "kavach.core"
local err = require "kavach.err"
local stream = require "kavach.stream"
local task = require "kavach.task"

local M = {}

local SIGKILL <const>, SIGTERM <const> = 9, 15
-- For output after the end: a process outside the group may hold the pipe.
local DRAIN_MS <const> = 250

-- A program that is done sooner than this is not watched while it runs: its output waits in the
-- pipes. That saves the host one wake-up of two, and most of its system calls.
local WATCH_AFTER_MS <const> = 2

local OUTPUTS <const> = { "stdout", "stderr" }

---@class kavach.Process
---@field stdin kavach.Stream?
---@field stdout kavach.Stream?
---@field stderr kavach.Stream?
local Process = {}
Process.__index = Process
Process.__name = "kavach.Process"
M.class = Process -- by which the prompt knows its objects

local function failed(self, step, message, errno)
  local program = self.argv[1]
  local where = step == "chdir" and ("cannot enter the folder '%s': "):format(self.cwd) or ""
  return err.new("exec_failed", ("%s: %s%s"):format(program, where, message),
    { op = step, program = program, errno = errno })
end

-- Nobody waits for it, or its number, any more.
local function settle(self, result, e)
  if self.number then self.number:set(nil, e) end
  self.ended:set(result, e)
end

-- What core.spawn tells.
local function told(self, how, a, b, c, d)
  if how == "started" then
    self.number:set(a)
  elseif how == "failed" then
    settle(self, nil, failed(self, a, b, c))
  else
    -- With room for what exec adds: a table that grows is made anew each time it has doubled.
    settle(self, {
      exit_code = b > 0 and 128 + b or a, signal = b > 0 and b or nil,
      cpu_ms = c // 1000, max_rss_kb = d, timed_out = nil, duration_ms = nil, stdout = nil,
      stderr = nil, stdout_truncated = nil, stderr_truncated = nil,
    })
  end
end

local function start(argv, options)
  local self = setmetatable({ argv = argv, cwd = options.cwd, ended = task.event() }, Process)
  self.number = options.tell_start and task.event()
  local stdin = options.stdin
  local child, input, output, errors = core.spawn({
    argv = argv, program = options.program, env = options.env, cwd = options.cwd,
    stdin = type(stdin) == "table" and stdin.raw or stdin,
    stdout = options.stdout, stderr = options.stderr, tell_start = options.tell_start,
  }, function(...) told(self, ...) end)
  if not child then return err.fail("exec_failed", input, { program = argv[1] }) end
  self.child = child
  self.stdin = input and stream.wrap(input, argv[1], "standard input")
  self.stdout = output and stream.wrap(output, argv[1], "standard output")
  self.stderr = errors and stream.wrap(errors, argv[1], "standard error")
  for _, part in pairs { self.stdin, self.stdout, self.stderr } do
    part.process = self -- who holds a stream of it holds the process
  end
  return self
end

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
  return start(argv, options)
end

--- The process's number: waits until it runs. nil and the error of `wait` if it could not be run.
---@return integer? pid, kavach.Error? error
function Process:pid()
  local number, e = self.number:wait()
  return number, e -- as in `wait`
end

---@param max integer?
---@return string? bytes nil at the end
function Process:read(max)
  if not self.stdout then error("read: its standard output is not a pipe", 2) end
  return self.stdout:read(max)
end

---@param bytes string
function Process:write(bytes)
  if not self.stdin then error("write: its standard input is not a pipe", 2) end
  return self.stdin:write(bytes)
end

--- Sends a signal to its process group (default: SIGTERM).
---@param signal integer?
function Process:kill(signal)
  self.child:signal(signal or SIGTERM)
end

--- Waits for its end: `{ exit_code, signal, cpu_ms, max_rss_kb }`, where the exit code of one that
--- died of signal N is 128 + N; or nil and an error of kind `exec_failed` if it could not be run.
function Process:wait()
  local result, e = self.ended:wait()
  return result, e -- no tail call: who waits for it holds it
end

--- Kills it if it runs, and closes its streams. May be called again.
function Process:close()
  self.child:forget()
  for _, name in ipairs { "stdin", "stdout", "stderr" } do
    if self[name] then self[name]:close() end
  end
  settle(self, nil, err.new("cancelled", self.argv[1] .. ": the process was closed"))
end

Process.__close = Process.close

-- ---- exec ------------------------------------------------------------------------------------

-- A process of exec's. Where exec ends by an error, of its caller's function or because its task is
-- cancelled, it does not before the process has.
local Executed = setmetatable({ __name = Process.__name }, { __index = Process })
Executed.__index = Executed

function Executed:__close(failure)
  if failure ~= nil and not self.ended:is_set() then
    self:kill(SIGKILL)
    pcall(task.shield, self.wait, self)
  end
  self:close()
end

--- Gives bytes to who asked for them, or keeps what fits of an output's first `max`.
local function keep(output, bytes)
  if output.give then
    output.give(bytes)
    return
  end
  if #bytes > output.room then
    output.truncated = true
    bytes = bytes:sub(1, output.room)
  end
  if bytes == "" then return end
  output.room = output.room - #bytes
  output.parts[#output.parts + 1] = bytes
end

local function collect(output)
  while true do
    local bytes = output.stream:read()
    if not bytes then return end
    keep(output, bytes)
  end
end

local function feed(process, bytes)
  process.stdin:write(bytes) -- a program that does not read all of its input is not an error
  process.stdin:close()
end

--- Waits for the end, at most so long; then SIGTERM, and SIGKILL when the grace is over.
local function wait_or_end(process, timeout_ms, grace_ms)
  if not timeout_ms or process.ended:is_set() then return process:wait() end
  local timed_out = false
  local hard <close> = core.timer(timeout_ms + grace_ms, function() -- luacheck: ignore 211
    process:kill(SIGKILL)
  end)
  local soft <close> = core.timer(timeout_ms, function() -- luacheck: ignore 211
    timed_out = true
    process:kill(SIGTERM)
  end)
  local result, e = process:wait()
  if result and timed_out then result.timed_out, result.exit_code = true, -1 end
  return result, e
end

--- Collects all outputs, side by side. Returns the tasks, and a function that ends them.
local function start_collecting(outputs)
  local readers = {}
  for i, output in ipairs(outputs) do readers[i] = task.spawn(collect, output) end
  return readers, function()
    for _, reader in ipairs(readers) do reader:cancel() end
  end
end

--- Takes what is in the pipes of a process that has ended. False if one is still held open.
local function collect_rest(outputs)
  for _, output in ipairs(outputs) do
    repeat
      local bytes = output.stream.raw:try_read()
      if not bytes then return bytes == nil end
      if bytes ~= "" then keep(output, bytes) end
    until bytes == ""
  end
  return true
end

--- Runs a started process that is worth watching, or has input to be fed, to its end.
local function watch(process, options, outputs, started)
  return task.scope(function()
    local feeder = process.stdin and task.spawn(feed, process, options.stdin)
    local readers, stop = start_collecting(outputs)
    local left = options.timeout_ms > 0 and math.max(options.timeout_ms - (core.now() - started), 1)
    local result, e = wait_or_end(process, left, options.grace_ms)
    if feeder then feeder:cancel() end
    if not result then
      stop()
      return nil, e
    end
    local late <close> = core.timer(DRAIN_MS, stop) -- luacheck: ignore 211
    for _, reader in ipairs(readers) do reader:await() end
    return result
  end)
end

local function run(process, options, outputs)
  local started = core.now()
  if process.stdin then return watch(process, options, outputs, started) end
  local patience = options.watch_after_ms or WATCH_AFTER_MS
  if options.timeout_ms > 0 then patience = math.min(patience, options.timeout_ms) end
  local result, e = process.ended:wait(patience)
  if e or (result and collect_rest(outputs)) then return result, e end
  return watch(process, options, outputs, started)
end

--- Runs what is checked already: `options` is what command.exec_options makes of them, so that
--- `env` is a list. For who runs thousands of programs that differ in little. `watch_after_ms`: its
--- output may wait so long in the pipes.
---@param argv string[]
---@param options table
---@return table? result, kavach.Error? error
function M.exec_checked(argv, options)
  local input = options.stdin
  local begun = core.hrtime()
  local process, e = start(argv, {
    program = options.program, env = options.env, cwd = options.cwd,
    stdin = type(input) == "string" and "pipe" or input or "null",
    stdout = options.stdout, stderr = options.stderr,
  })
  if not process then return nil, e end
  local _ <close> = setmetatable(process, Executed)
  local outputs = {}
  for _, name in ipairs(OUTPUTS) do
    if process[name] then
      outputs[#outputs + 1] = {
        name = name, stream = process[name], room = options.max_output, parts = {},
        give = options["on_" .. name],
      }
    end
  end
  local result
  result, e = run(process, options, outputs)
  if not result then return nil, e end
  result.timed_out = result.timed_out or false
  result.stdout, result.stdout_truncated = "", false
  result.stderr, result.stderr_truncated = "", false
  for _, output in ipairs(outputs) do
    result[output.name] = table.concat(output.parts)
    result[output.name .. "_truncated"] = output.truncated or false
  end
  result.duration_ms = (core.hrtime() - begun) // 1000000
  return result
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
