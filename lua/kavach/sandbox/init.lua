--- Sandboxes: one VM with its agent each, in which commands run, many at a time.
---
---   local box <close> = assert(kavach.sandbox { memory_limit_mb = 256 })
---   local r = assert(box:exec "uname -a")
---
--- A command that exits non-zero or runs out of time is a result, not an error.

local core = require "kavach.core"
local err = require "kavach.err"
local config = require "kavach.sandbox.config"
local exec = require "kavach.sandbox.exec"
local launch = require "kavach.sandbox.launch"
local moves = require "kavach.sandbox.moves"
local registry = require "kavach.sandbox.registry"
local task = require "kavach.task"

local M = {}

---@class kavach.Sandbox
---@field backend string "sev-snp", "kvm" or "tcg"
---@field confidential boolean
---@field vm kavach.vm
---@field id string PID-N
---@field name? string what it is called, while it runs
---@field template { digest?: string, made?: boolean, why?: string } the one that it is a copy of,
--- or that was made of it; or why there is none
---@field given_up? kavach.Error
---@field log? kavach.control.log what the command that it was started with prints
local Sandbox = {}
Sandbox.__index = Sandbox
Sandbox.__name = "kavach.Sandbox"
M.class = Sandbox -- by which the prompt knows its objects

-- ---- making one --------------------------------------------------------------------------------

---Starts a sandbox. One that just boots is returned while it does: commands can be given at once.
---For whoever must not lose time; `kavach.sandbox` waits until it is ready.
---@param options table?
---@param hooks { on_step?: fun(what: string), on_box?: fun(box: kavach.Sandbox) }? on_box: told of
--- it before it starts, to give it up meanwhile
---@param level integer? misuse raises so many steps up; without it, it is an error value too
---@return kavach.Sandbox? box
---@return kavach.Error?
function M.launch(options, hooks, level)
  local checked, why = config.check(options, level and level + 1)
  if not checked then return nil, why end
  local on_step = hooks and hooks.on_step or function() end
  local planned
  planned, why = launch.plan(checked, on_step)
  if not planned then return nil, why end
  local name = planned.launch.backend
  local self = setmetatable({
    config = checked, backend = name, confidential = name == "sev-snp", qemu = planned.qemu,
  }, Sandbox)
  if hooks and hooks.on_box then hooks.on_box(self) end
  local ok
  ok, why = registry.enter(self, on_step)
  if not ok then return nil, why end
  local finished
  finished, ok, why = pcall(launch.start, self, planned, on_step)
  if not finished or not ok then
    registry.leave(self)
    if not finished then error(ok, 0) end
    return nil, why
  end
  return self
end

---Starts a sandbox and waits until it is ready.
---@param options table?
---@return kavach.Sandbox? box
---@return kavach.Error?
function M.new(options)
  local self, why = M.launch(options, nil, 2)
  if not self then return nil, why end
  local finished, ok
  finished, ok, why = pcall(self.wait_ready, self)
  if finished and ok then return self end
  self:destroy()
  if not finished then error(ok, 0) end
  return nil, why
end

---QEMU's command line for a configuration, whether or not it could run here.
---@param options table?
---@return string[]? argv
---@return kavach.plan|kavach.Error
function M.dry_run(options)
  local checked, why = config.check(options)
  if not checked then return nil, why end
  return launch.dry(checked)
end

-- ---- running commands ---------------------------------------------------------------------------

---@param cause kavach.Error
---@return kavach.Error
function Sandbox:explained(cause)
  if cause.kind ~= "creation_failed" then return cause end
  return require("kavach.sandbox.postmortem").explain(cause, self.qemu,
    self.config.memory_limit_mb)
end

-- Waits for the end of a command, which may be fed meanwhile.
local function wait_or_end(self, running, options)
  local timeout_ms = options.timeout_ms or self.config.timeout_ms
  local grace_ms = options.grace_ms or self.config.grace_ms
  if not options.stdin then return exec.wait_or_end(running, timeout_ms, grace_ms) end
  return task.scope(function()
    local feeder <close> = require("kavach.sandbox.feed")(running, options.stdin)
    local exit, timed_out, cause = exec.wait_or_end(running, timeout_ms, grace_ms)
    if feeder.failure then return nil, false, feeder.failure end
    return exit, timed_out, cause
  end)
end

---Runs a command to its end. A string is a line for the guest's /bin/sh, a table an argv.
---
---Options: `env`, `cwd`, `user`, `stdin` (bytes, or anything with a method read: what that says is
---wrong ends the command, and is the error), `timeout_ms`
---(default: the sandbox's; 0: none), `grace_ms` between SIGTERM and SIGKILL after that,
---`max_output` (bytes kept of each stream), `pty` ({ rows, columns }).
---@param given string|string[]
---@param options table?
---@return kavach.ExecResult? result
---@return kavach.Error?
function Sandbox:exec(given, options)
  options = config.check_exec(options, 2)
  local started = core.now()
  local running <close>, why = exec.begin(self, given, options, options.stdin ~= nil, 2)
  if not running then return nil, why end
  local limit = options.max_output or self.config.max_output
  running.stdout:collect(limit)
  running.stderr:collect(limit)
  local exit, timed_out, cause = wait_or_end(self, running, options)
  if not exit and not timed_out then return nil, self:explained(cause) end
  return exec.measure(self, running, started, exit, timed_out)
end

---Starts a command and returns it while it runs: read, read_stderr, write, close_stdin, signal,
---kill, resize, wait, close.
---@param given string|string[]
---@param options table? those of exec, but for stdin, timeout_ms, grace_ms and max_output
---@return kavach.command?
---@return kavach.Error?
function Sandbox:start(given, options)
  options = config.check_start(options, 2)
  return exec.begin(self, given, options, true, 2)
end

---Waits until the guest is ready.
---@return boolean? true
---@return kavach.Error?
function Sandbox:wait_ready()
  local ok, why = self.vm:wait_ready()
  if ok then return true end
  return nil, self:explained(why)
end

-- ---- files, and its life -----------------------------------------------------------------------

---Copies a file of the host into the guest, or what is in a folder into a folder there, which is
---made if it is not there. In the guest all of it is root's.
---
---Options: `max_bytes` (1 GiB) and, of a folder, `max_entries` (100 000): more is an error.
---@param source string
---@param target string absolute path in the guest
---@param options table?
---@return boolean? true
---@return kavach.Error?
function Sandbox:put(source, target, options)
  local ok, why = nil, exec.unusable(self)
  if not why then
    ok, why = require("kavach.sandbox.copy").put(self.vm.agent, source, target, options, 2)
  end
  return ok, why -- no tail call: who waits for it holds the sandbox
end

---Copies a file or folder of the guest to the host. The target appears when it is whole; that of a
---folder must not exist. A folder is refused that has what could lead out of it, or do harm here:
---links out of it, devices, FIFOs (core/archive/unpack.h has the list).
---@param source string absolute path in the guest
---@param target string
---@param options table? as for put
---@return boolean? true
---@return kavach.Error?
function Sandbox:get(source, target, options)
  local ok, why = nil, exec.unusable(self)
  if not why then
    ok, why = require("kavach.sandbox.copy").get(self.vm.agent, source, target, options, 2)
  end
  return ok, why
end

---QEMU's command line. What runs in the guest is not on it.
---@return string[]
function Sandbox:argv()
  return table.move(self.vm.argv, 1, #self.vm.argv, 1, {})
end

---Where it is in its life: life.lua says what each state means.
---@return kavach.state
function Sandbox:state()
  return self.vm.state
end

---Has the machine stand still, with all that runs in it. Nothing can be asked of it until it is
---resumed. The host's clock goes on: a command whose time is up meanwhile has timed out.
---@return boolean? true
---@return kavach.Error?
function Sandbox:pause()
  return moves.pause(self.vm)
end

---Has a paused machine go on; the guest's clock is set anew.
---@return boolean? true
---@return kavach.Error?
function Sandbox:resume()
  return moves.resume(self.vm)
end

---Whether the agent answers within a second; if not, why.
---@return boolean healthy
---@return kavach.Error?
function Sandbox:health_check()
  local why = exec.unusable(self)
  if why then return false, why end
  local ok
  ok, why = self.vm.agent:ping(1000)
  return ok or false, why
end

---What the packet filter has passed and dropped so far, and where the first of the dropped packets
---wanted to go.
---@return kavach.NetworkStats? stats
---@return kavach.Error?
function Sandbox:network_stats()
  if self.network then return self.network:stats() end
  return err.fail("invalid_argument", "network_stats: the sandbox has no network")
end

---Asks the guest to power off, and ends it when it has, or when grace_ms are over. One that is
---paused goes on for that.
---@param grace_ms integer? 5000
---@return boolean? true
---@return kavach.Error?
function Sandbox:stop(grace_ms)
  return moves.stop(self.vm, grace_ms or 5000)
end

---Ends it while it starts: who waits for that gets this error.
---@param cause kavach.Error
function Sandbox:give_up(cause)
  self.given_up = cause
  if self.vm then self.vm.agent:lose(cause) end
end

---Ends it at once, whatever its state, and removes all that there was of it. Can be called twice.
---@return boolean? true
---@return kavach.Error?
function Sandbox:destroy()
  -- One that starts is not started in another way instead.
  self.given_up = self.given_up or err.new("cancelled", "the sandbox was destroyed")
  if not self.vm then return true end
  return self.vm:destroy()
end

Sandbox.close = Sandbox.destroy
Sandbox.__close = Sandbox.destroy

function Sandbox:__gc()
  if self.vm and self.vm.state ~= "destroyed" then self.vm:abandon() end
end

return M
