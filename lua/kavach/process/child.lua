--- One child process, from its start to its end: what scripts hold of it.

local core = require "kavach.core"
local err = require "kavach.err"
local stream = require "kavach.stream"
local task = require "kavach.task"

local M = {}

local SIGTERM <const> = 15

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

--- Starts what is checked already: `options` is what kavach.process.command makes of them, and
--- `tell_start`, without which it has no number.
---@param argv string[]
---@param options table
---@return kavach.Process? process, kavach.Error? error
function M.start(argv, options)
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

return M
