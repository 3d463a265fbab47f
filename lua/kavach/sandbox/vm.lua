-- One QEMU process: its private directory, its sockets, its console, its end.
--
-- Its states are those of life.lua; the moves that wait for QEMU or the guest are in moves.lua.
--
-- It lives in callbacks (pipe.lua says why). What can wait are wait_ready, qmp, wait_ended, end_now
-- and destroy.

local core = require "kavach.core"
local err = require "kavach.err"
local task = require "kavach.task"
local agent = require "kavach.sandbox.agent"
local cleanup = require "kavach.sandbox.cleanup"
local console = require "kavach.sandbox.console"
local host_cgroup = require "kavach.sandbox.host_cgroup"
local life = require "kavach.sandbox.life"
local obituary = require "kavach.sandbox.obituary"
local pipe = require "kavach.sandbox.pipe"
local sockets = require "kavach.sandbox.sockets"
local waiters = require "kavach.sandbox.waiters"

local SIGKILL <const> = 9
local CONSOLE_LINES <const> = 50
-- How long what a dead QEMU left in its pipes and sockets may take to arrive.
local DRAIN_MS <const> = 500
-- How long SIGKILL may take: giving back some GiB of memory is not instant.
local KILL_MS <const> = 10000

---@class kavach.vm
---@field state kavach.state
---@field agent kavach.agent
---@field dir? string its private directory, until it is removed
---@field ready_at? integer on the clock of task.now()
---@field kept? string where that went, if it was to be kept
---@field argv string[]
---@field boot_ms? integer from the start to the agent's WELCOME
---@field cause? kavach.Error why it died, if it did
local vm = {}
vm.__index = vm

---@class kavach.vm.options
---@field argv fun(dir: string): string[]?, string? the command line, given the private directory
---@field program? userdata what is run, open; nil: what the command line names
---@field boot_ms integer how long the boot may take; 0: for ever
---@field heartbeat_ms integer
---@field sockets? table<string, fun(stream: userdata)> other sockets that QEMU connects to
---@field dirs? string[] other private directories that go when it goes
---@field keep? boolean leave the private directory behind
---@field bounds? kavach.host_cgroup.bounds of QEMU, where the host allows them
---@field on_step? fun(what: string)

-- ---- its end -----------------------------------------------------------------------------------

-- Not stopped or destroyed, and not dead.
local function alive(self)
  return self.state ~= "stopped" and self.state ~= "destroyed"
end

-- QEMU has ended and all it left behind is read: this is what it was.
local function bury(self)
  if self.buried then return end
  self.buried = true
  if self.drain then self.drain:close() end
  if alive(self) then
    self.cause = obituary(self)
    self.state = "stopped"
  end
  self.agent:lose(self.cause or err.new("io", "the sandbox was stopped"))
  self.changed:wake()
  self.console.changed:wake()
end

-- One of what must come to its end has: when all have, the story can be told.
local function settle(self, part)
  self.open[part] = nil
  if self.ended and (not next(self.open) or self.buried) then bury(self) end
end

local function on_ended(self, how, a, b)
  if how == "ended" then
    self.ended = { code = a, signal = b }
  else
    self.ended = { failed = true, why = b, step = a, code = 0, signal = 0 }
  end
  -- A connection that was never made brings nothing any more.
  if not self.agent.stream then self.open.agent = nil end
  if self.timer then self.timer:close() end
  self.drain = core.timer(DRAIN_MS, function() bury(self) end)
  settle(self, "process")
  self.changed:wake()
end

-- Kills QEMU with a reason of ours; the error tells it when QEMU is gone.
local function condemn(self, cause)
  if not alive(self) then return end
  cause.console = cause.console or self.console:lines()
  if self.state == "created" then cause.kind = "creation_failed" end
  self.cause = cause
  self.state = "stopped"
  if self.child and not self.ended then self.child:signal(SIGKILL) end
  self.changed:wake()
end

-- ---- its beginning -----------------------------------------------------------------------------

local function listen(self)
  local stream, why = core.listen(self.dir .. "/agent.sock")
  if not stream then return nil, why end
  self.agent_listener = stream
  self.qmp_listener, why = core.listen(self.dir .. "/qmp.sock")
  if not self.qmp_listener then return nil, why end
  self.sockets, why = sockets.open(self.dir, self.handlers)
  return self.sockets, why
end

local function spawn(self)
  local child, _, out, errors = core.spawn({
    argv = self.argv, program = self.program,
    -- QEMU's own files and helpers are found from its path; it needs nothing of the host's
    -- environment. What it makes by name lands in the private directory, and goes with it.
    env = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "TMPDIR=" .. self.dir },
    cwd = self.dir, stdin = "null", stdout = "pipe", stderr = "pipe", tell_start = true,
    -- What the guest does in a folder that it may write is done by QEMU.
    plain_files = true,
  }, function(...) on_ended(self, ...) end)
  if not child then return nil, out end
  self.child = child
  self.streams = { out, errors }
  for name, stream in next, { console = out, errors = errors } do
    pipe.read(stream, function(bytes) self[name]:feed(bytes) end, function() settle(self, name) end)
  end
  return true
end

local function connect(self)
  pipe.accept(self.agent_listener, function(stream, why)
    self.agent_listener:close()
    if not stream then
      return condemn(self, err.new("io", "no connection from QEMU: " .. tostring(why)))
    end
    self.on_step "QEMU runs, and has opened the agent's port"
    host_cgroup.hold(self)
    self.agent:attach(stream)
  end)
  self.sockets:accept(function(why)
    condemn(self, err.new("io", "no connection from QEMU: " .. why))
  end)
end

local function new(options)
  local self = setmetatable({
    state = "created",
    started = core.now(),
    console = console.new(CONSOLE_LINES),
    errors = console.new(20),
    open = { process = true, console = true, errors = true, agent = true },
    changed = waiters.new(),
    on_step = options.on_step or function() end,
    keep = options.keep, bounds = options.bounds,
    program = options.program,
    dirs = options.dirs or {},
    handlers = options.sockets or {},
  }, vm)
  self.agent = agent.new {
    heartbeat_ms = options.heartbeat_ms,
    on_ready = function()
      if self.timer then self.timer:close() end
      if self.state ~= "created" then return end
      self.state, self.ready_at = "running", core.now()
      self.boot_ms = self.ready_at - self.started
      self.on_step "the guest's agent answers"
      host_cgroup.hold(self)
      self.changed:wake()
    end,
    on_closed = function() settle(self, "agent") end,
    on_lost = function(cause) condemn(self, cause) end,
  }
  return self
end

---Starts a VM. It boots while the caller goes on, and can be asked for commands at once.
---@param options kavach.vm.options
---@return kavach.vm? vm
---@return kavach.Error? err
function vm.start(options)
  local self = new(options)
  local dir, why = core.private_dir()
  if not dir then
    self:abandon()
    return err.fail("creation_failed", "no private directory: " .. tostring(why),
      { op = "sandbox" })
  end
  self.dir = dir
  local ok
  ok, why = listen(self)
  if ok then
    self.argv, why = options.argv(dir)
    ok = self.argv and nil
    if self.argv then ok, why = spawn(self) end
  end
  if not ok then
    self:abandon()
    if err.is(why) then return nil, why end
    return err.fail("creation_failed", "the VM cannot be started: " .. tostring(why),
      { op = "sandbox" })
  end
  connect(self)
  if options.boot_ms > 0 then
    self.timer = core.timer(options.boot_ms, function()
      condemn(self, err.new("timeout",
        ("the guest was not ready within %d ms"):format(options.boot_ms)))
    end)
  end
  return self
end

-- ---- its life ----------------------------------------------------------------------------------

---Waits until commands can run, or it is clear that they never will.
---@return boolean? true
---@return kavach.Error?
function vm:wait_ready()
  self.changed:until_true(function() return self.state ~= "created" and not self:dying() end)
  if alive(self) then return true end
  return nil, self.cause or life.unusable(self.state)
end

---Condemned or dead, but not all that it had to say is read yet.
---@return boolean
function vm:dying()
  return self.state == "stopped" and self.cause ~= nil and not self.buried
end

---The connection to QEMU's control port, made when it is first asked for.
---@return kavach.qmp? qmp
---@return kavach.Error?
function vm:qmp()
  self.changed:until_true(function() return not self.accepting end)
  if self.control then return self.control end
  if not alive(self) then return err.fail("io", "the VM does not run any more") end
  self.accepting = true
  local finished, stream, why = pcall(task.wait, function(done)
    pipe.accept(self.qmp_listener, done)
    return function() self.qmp_listener:cancel_read() end
  end)
  self.accepting = false
  self.changed:wake()
  if not finished then error(stream, 0) end
  if not stream then return err.fail("io", "QEMU's control port: " .. tostring(why)) end
  self.control = require("kavach.sandbox.qmp").new(stream)
  return self.control
end

---Waits until the QEMU process has ended.
---@param ms integer at most so long
---@return boolean
function vm:wait_ended(ms)
  return self.changed:until_true(function() return self.ended ~= nil end, core.now() + ms) or false
end

---Kills QEMU and does not wait for its end; destroy() is still to be called.
function vm:kill()
  if not alive(self) then return end
  self.state = "stopped"
  if self.child and not self.ended then self.child:signal(SIGKILL) end
end

---Ends it without waiting: for finalizers, and for what never quite began.
function vm:abandon()
  self.state = "destroyed"
  self.agent:lose(self.cause or err.new("io", "the sandbox was closed"))
  if self.child and not self.ended then self.child:forget() end
  self.ended = self.ended or { code = 0, signal = SIGKILL }
  cleanup.all(self)
end

-- Even a task that is called off goes on to the end of this. Returns what it was told meanwhile, if
-- it was, and whether QEMU is gone.
local function kill_and_wait(self)
  if self.child and not self.ended then self.child:signal(SIGKILL) end
  local finished, gone = pcall(task.shield, self.wait_ended, self, KILL_MS)
  if not finished then return gone, false end
  return nil, gone
end

local function immortal()
  return err.fail("io", ("QEMU does not end, not even by SIGKILL, within %d ms"):format(KILL_MS))
end

---Kills QEMU if it has not ended, and waits until it is gone. What it leaves behind stays.
---@return boolean? true
---@return kavach.Error?
function vm:end_now()
  local told, gone = kill_and_wait(self)
  if told then error(told, 0) end
  if not gone then return immortal() end
  return true
end

local function free(self)
  self.agent:lose(self.cause or err.new("io", "the sandbox was closed"))
  local told, gone = kill_and_wait(self)
  local ok, why = cleanup.all(self)
  if told then error(told, 0) end
  if not gone then return immortal() end
  if not ok then return err.fail("io", tostring(why)) end
  return true
end

---Ends it: kills QEMU, waits until it is gone, removes the directory. Can be called twice; then it
---waits for the first to be through.
---@return boolean? true
---@return kavach.Error?
function vm:destroy()
  if self.state == "destroyed" then
    self.changed:until_true(function() return self.freed end)
    return true
  end
  self.state = "destroyed"
  self.changed:wake()
  return free(self)
end

return vm
