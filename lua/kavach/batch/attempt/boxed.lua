--- An attempt as a command in a sandbox: a fresh one, or one that waits for more jobs.
---
--- The job's time is that of all of it: boot, files in, command, files out.

local core = require "kavach.core"
local environment = require "kavach.batch.attempt.environment"
local err = require "kavach.err"
local exec = require "kavach.sandbox.exec"
local feed = require "kavach.sandbox.feed"
local outcome = require "kavach.batch.attempt.outcome"
local proc = require "kavach.proc"
local sandbox = require "kavach.sandbox"
local task = require "kavach.task"

local M = {}

local WATCH_MS <const> = 5

---@class kavach.batch.boxed
---@field job kavach.batch.job
---@field context kavach.batch.context
---@field outputs kavach.batch.outputs
---@field box? kavach.Sandbox
---@field reused? boolean it has run jobs before
---@field sound? boolean it may run more of them
---@field passed? boolean the time is up
---@field late? boolean it was up while no command ran
---@field commanding? boolean the command runs: that its time is up is told to it first
local Attempt = {}
Attempt.__index = Attempt

-- ---- the sandbox -------------------------------------------------------------------------------

-- Tells who must know it which process QEMU is. One that starts in another way after all is
-- another one.
local function tell_pid(self)
  local vm = self.box and self.box.vm
  local pid = vm and vm.child and vm.child:pid()
  if not pid or pid == self.pid then return end
  self.pid = pid
  local on_started = self.context.on_started
  if not on_started then return end
  local start = proc.start_time(pid)
  on_started { pid = pid, pid_start = start and math.tointeger(tonumber(start)) }
end

-- It is known soon after QEMU was started; nobody is called then.
local function watch_pid(self)
  tell_pid(self)
  self.watch = not self.pid and core.timer(WATCH_MS, function() watch_pid(self) end) or nil
end

local function launch(self)
  local box, why = sandbox.launch(self.job.sandbox, {
    on_step = function() tell_pid(self) end,
    on_box = function(box)
      self.box = box
      watch_pid(self)
    end,
  })
  return box, why
end

-- The sandbox, as soon as it can be asked for something.
local function open(self)
  local boxes = self.job.reuse and self.context.boxes
  local box = boxes and boxes:take(self.job.sandbox) or nil
  self.reused = box ~= nil
  -- A pool is of the sandboxes that the batch's own options make, which its jobs share.
  local pool = not box and self.context.pool
  if pool and self.job.sandbox == self.context.pooled then
    local why
    box, why = pool:take()
    if not box then return nil, why end
  end
  if not box then return launch(self) end
  self.box = box
  tell_pid(self)
  return box
end

-- Ends it, or has it wait for the next job.
local function release(self)
  local box = self.box
  if not box then return true end
  self.box = nil
  local boxes = self.sound and self.job.reuse and self.context.boxes
  if boxes and box:state() == "running" then
    boxes:give(self.job.sandbox, box)
    return true
  end
  local ok, why = box:destroy()
  return ok, why
end

-- However it ends, nothing of it runs on.
function Attempt:__close()
  if self.watch then self.watch:close() end
  release(self)
end

-- ---- time --------------------------------------------------------------------------------------

-- What is left of it; 0: no limit.
local function time_left(self)
  local whole = self.job.timeout_ms
  return whole > 0 and math.max(whole - (core.now() - self.begun), 1) or 0
end

local function start_clock(self)
  local whole = self.job.timeout_ms
  return whole > 0 and core.timer(whole, function()
    self.passed = true
    if self.commanding then return end
    -- What the host does there cannot be ended with grace: when the time is up, so is the VM.
    self.late = true
    if self.box then self.box:give_up(err.new("timeout", "the time was up")) end
  end) or nil
end

-- ---- its steps ---------------------------------------------------------------------------------

local function put_all(self)
  if not self.job.put then return true end
  local ok, why = require("kavach.batch.attempt.stage").run(self.box, self.job.put)
  return ok, why
end

local function pump(self, from, to)
  while true do
    local bytes = from:read()
    if not bytes then return end
    self.outputs.latest = to
    to:write(bytes)
  end
end

-- Runs the command to its end. Returns its exit, or nil and why there is none.
local function conduct(self, running)
  local job, outputs = self.job, self.outputs
  local pumps = {
    task.spawn(pump, self, running.stdout, outputs.stdout),
    task.spawn(pump, self, running.stderr, outputs.stderr),
  }
  local _ <close> = feed(running, job.stdin or "")
  self.commanding = true
  local exit, timed_out, cause = exec.wait_or_end(running, time_left(self), job.grace_ms)
  self.commanding, self.timed_out = false, timed_out
  -- Nothing more is wanted of the guest: it dies while its last words are written.
  if not job.get and not job.reuse then self.box.vm:kill() end
  if not running.over then self.box:give_up(err.new("timeout", "the time was up")) end
  for _, each in ipairs(pumps) do each:await() end
  return exit, cause
end

local function run_command(self)
  local job = self.job
  local running, why = self.box:start(job.command,
    { cwd = job.cwd, user = job.user, env = environment.map(job, self.context) })
  if not running then return nil, why end
  self.running = running
  local exit, cause = task.scope(function() return conduct(self, running) end)
  return exit, cause
end

local function get_all(self, result)
  local got, why = require("kavach.batch.attempt.collect").run(self.box, self.job,
    self.context.folder)
  if got then
    result.files, result.files_path = got.files, got.path
    why = got.missing
    -- A command that failed has not made all that it was to make.
    if result.reason then return end
  end
  if not why then return end
  result.reason = result.reason and ("%s; %s"):format(result.reason, why) or tostring(why)
end

-- ---- what became of it -------------------------------------------------------------------------

local function measure(self, exit)
  local box = self.box
  local result = { timed_out = false, oom_killed = false, duration_ms = 0, cpu_ms = 0,
    max_rss_kb = 0, exit_code = -1, backend = box and box.backend }
  if not box or not box.vm then return result end
  local running = self.running or require("kavach.sandbox.command").none()
  local measured = exec.measure(box, running, self.begun, exit, self.timed_out or self.late)
  for _, name in ipairs { "exit_code", "signal", "timed_out", "oom_killed", "duration_ms", "cpu_ms",
    "max_rss_kb" } do
    result[name] = measured[name]
  end
  result.boot_ms = self.reused and 0 or measured.boot_ms
  return result
end

local function conclude(self, exit, why)
  local result = measure(self, exit)
  if exit or self.timed_out or self.late then
    result.timed_out = self.timed_out or self.late or false
    result.reason = outcome.reason(result, self.job)
  else
    outcome.not_run(result, self.box and self.box.vm and self.box:explained(why) or why,
      why.is_program or false)
  end
  self.sound = (exit or not result.error) and not result.timed_out and not result.oom_killed
  return result
end

-- Whether there is something to be got, and time for it.
local function job_gets(self)
  if not self.job.get then return false end
  self.late = self.late or self.passed
  return not self.late
end

-- The time was up while files were got: as if it had been before.
local function overtake(self, result)
  self.sound = false
  result.timed_out, result.exit_code, result.signal = true, -1, nil
  result.reason = outcome.reason(result, self.job)
end

local function all(self)
  local box, why = open(self)
  local ok, exit = box ~= nil, nil
  if ok then ok, why = put_all(self) end
  if ok then exit, why = run_command(self) end
  local result = conclude(self, exit, why)
  if exit and not result.timed_out and job_gets(self) then get_all(self, result) end
  if self.late and not result.timed_out then overtake(self, result) end
  local gone, trouble = release(self)
  if not gone then result.trouble = trouble end
  return result
end

---@param job kavach.batch.job
---@param context kavach.batch.context
---@param outputs kavach.batch.outputs
---@return kavach.batch.result
function M.run(job, context, outputs)
  local self <close> = setmetatable({
    job = job, context = context, outputs = outputs, begun = core.now(),
  }, Attempt)
  local started_ns = core.wall_clock()
  local _ <close> = start_clock(self)
  local result = all(self)
  result.started_ns = started_ns
  return result
end

return M
