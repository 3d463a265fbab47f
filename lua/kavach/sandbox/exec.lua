-- Commands of a sandbox: from what its user says to a request, and from its end to a result.

local core = require "kavach.core"
local err = require "kavach.err"
local command = require "kavach.sandbox.command"
local config = require "kavach.sandbox.config"
local life = require "kavach.sandbox.life"
local result = require "kavach.sandbox.result"

local exec = {}

-- How long a killed command may take to be gone before its result is given without its status.
local KILL_MS <const> = 2000
local SIGTERM <const> = 15

-- What is wrong with a command, if anything is.
local function check_command(given, level)
  local words = type(given) == "string" and { given } or given
  if type(words) ~= "table" or #words == 0 then
    error("exec: the command must be a string or a list of strings that is not empty", level + 1)
  end
  for i, word in ipairs(words) do
    if type(word) ~= "string" then
      error(("exec: word %d of the command must be a string, got a %s"):format(i, type(word)),
        level + 1)
    end
    if word:find("\0", 1, true) then
      return nil, err.new("invalid_argument",
        ("exec: word %d of the command has a NUL in it"):format(i))
    end
  end
  if words[1] == "" and words == given then
    return nil, err.new("invalid_argument", "exec: the program's name is empty")
  end
  return words
end

---Why nothing can be asked of the sandbox, if so.
---@param self kavach.Sandbox
---@return kavach.Error?
function exec.unusable(self)
  return life.unusable(self.vm.state, self.vm.cause)
end

---Starts a command.
---@param self kavach.Sandbox
---@param given string|string[]
---@param options table checked
---@param stdin boolean whether it will be written to
---@param level integer misuse raises so many steps up
---@return kavach.command?
---@return kavach.Error?
function exec.begin(self, given, options, stdin, level)
  local words, wrong = check_command(given, level + 1)
  if not words then return nil, wrong end
  local why = exec.unusable(self)
  if why then return nil, why end
  local spec = {
    argv = words, shell = type(given) == "string",
    env = config.env_list(self.config.env, options.env),
    cwd = options.cwd, user = options.user, stdin = stdin, pty = options.pty,
  }
  if self.config.measured then
    why = require("kavach.sandbox.measured").refusal(self.config.measured.payload, spec)
    if why then return nil, why end
  end
  if self.config.transport == "share" then
    spec, why = self.share:command(spec)
    if not spec then return nil, why end
  end
  local running
  running, why = command.start(self.vm.agent, spec)
  if running then running.owner = self end -- a sandbox is not collected while a command runs in it
  return running, why
end

---Waits for the end of a command, and makes one when the time is up.
---@param running kavach.command
---@param timeout_ms integer 0: none
---@param grace_ms integer between SIGTERM and SIGKILL
---@return kavach.wire.exit? exit
---@return boolean timed_out
---@return kavach.Error? cause if there is neither
function exec.wait_or_end(running, timeout_ms, grace_ms)
  local exit, cause = running:wait(timeout_ms > 0 and timeout_ms or nil)
  if running.over then return exit, false, cause end
  -- What has not even started has nothing to tidy up.
  if running.pid and grace_ms > 0 then
    running:signal(SIGTERM)
    running:wait(grace_ms)
  end
  if not running.over then
    running:kill()
    if running.pid then running:wait(KILL_MS) end
  end
  return running.exit, true
end

---The result of a command whose output was collected, or went elsewhere.
---@param self kavach.Sandbox
---@param running kavach.command
---@param started integer on the clock of task.now()
---@param exit kavach.wire.exit?
---@param timed_out boolean
---@return kavach.ExecResult
function exec.measure(self, running, started, exit, timed_out)
  local stdout, stdout_truncated = running.stdout:collected()
  local stderr, stderr_truncated = running.stderr:collected()
  local ready = self.vm.ready_at
  return result.new(exit, {
    timed_out = timed_out,
    stdout = stdout, stdout_truncated = stdout_truncated,
    stderr = stderr, stderr_truncated = stderr_truncated,
    duration_ms = ready and core.now() - math.max(started, ready) or 0,
    boot_ms = self.vm.boot_ms, backend = self.backend,
  })
end

return exec
