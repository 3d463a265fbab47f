-- One QEMU process: its private directory, its sockets, its console. How it ends is in ending.lua.
--
-- Its states are those of life.lua; the moves that wait for QEMU or the guest are in moves.lua.
--
-- It lives in callbacks (pipe.lua says why). What can wait are wait_ready, qmp, wait_ended, end_now
-- and destroy.

local core = require "kavach.core"
local err = require "kavach.err"
local agent = require "kavach.sandbox.agent"
local console = require "kavach.sandbox.console"
local ending = require "kavach.sandbox.ending"
local host_cgroup = require "kavach.sandbox.host_cgroup"
local life = require "kavach.sandbox.life"
local pipe = require "kavach.sandbox.pipe"
local sockets = require "kavach.sandbox.sockets"
local waiters = require "kavach.sandbox.waiters"

local CONSOLE_LINES <const> = 50

---@class kavach.vm
---@field state kavach.state
---@field agent kavach.agent
---@field dir? string its private directory, until it is removed
---@field ready_at? integer on the clock of task.now()
---@field kept? string where that went, if it was to be kept
---@field argv string[]
---@field boot_ms? integer from the start to the agent's WELCOME
---@field cause? kavach.Error why it died, if it did
---@field moving? boolean a move of moves.lua is under way
---@field asked? string the command that QEMU has been told and has not answered
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
---@field files? userdata[] Lua's files that QEMU gets as its descriptors 3 and up
---@field hold? boolean the agent is not spoken to before greet()
---@field bounds? kavach.host_cgroup.bounds of QEMU, where the host allows them
---@field on_step? fun(what: string)

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
    plain_files = true, files = self.files,
  }, function(...) ending.on_told(self, ...) end)
  if not child then return nil, out end
  self.child = child
  self.streams = { out, errors }
  for name, stream in next, { console = out, errors = errors } do
    pipe.read(stream, function(bytes) self[name]:feed(bytes) end, function()
      ending.settle(self, name)
    end)
  end
  return true
end

local function connect(self)
  pipe.accept(self.agent_listener, function(stream, why)
    self.agent_listener:close()
    if not stream then
      return ending.condemn(self, err.new("io", "no connection from QEMU: " .. tostring(why)))
    end
    self.on_step "QEMU runs, and has opened the agent's port"
    host_cgroup.hold(self)
    self.agent_stream = stream
    if self.held then return self.changed:wake() end
    self:greet()
  end)
  self.sockets:accept(function(why)
    ending.condemn(self, err.new("io", "no connection from QEMU: " .. why))
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
    keep = options.keep, bounds = options.bounds, files = options.files, held = options.hold,
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
    on_closed = function() ending.settle(self, "agent") end,
    on_lost = function(cause) ending.condemn(self, cause) end,
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
      ending.condemn(self, err.new("timeout",
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
  if ending.alive(self) then return true end
  return nil, self.cause or life.unusable(self.state)
end

---Waits until QEMU has connected to the agent's port. For a VM that is held.
---@return userdata? stream of kavach.core
---@return kavach.Error?
function vm:agent_port()
  self.changed:until_true(function() return self.agent_stream or not ending.alive(self) end)
  if self.agent_stream and ending.alive(self) then return self.agent_stream end
  return nil, self.cause or life.unusable(self.state)
end

---Speaks to the agent: it is told all that was asked for so far.
function vm:greet()
  local stream = self.agent_stream
  if not stream then self.held = false end
  self.agent_stream = nil
  if stream then self.agent:attach(stream) end
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
  if not ending.alive(self) then return err.fail("io", "the VM does not run any more") end
  self.accepting = true
  local answered, stream, why
  pipe.accept(self.qmp_listener, function(...)
    answered, stream, why = true, ...
    self.changed:wake()
  end)
  -- One that ends before it has connected never will.
  local finished, told = pcall(self.changed.until_true, self.changed, function()
    return answered or not ending.alive(self)
  end)
  if not answered and not self.qmp_listener:is_closed() then self.qmp_listener:cancel_read() end
  self.accepting = false
  if stream then self.control = require("kavach.sandbox.qmp").new(stream) end
  self.changed:wake()
  if not finished then error(told, 0) end
  if self.control then return self.control end
  return err.fail("io", answered and "QEMU's control port: " .. tostring(why)
    or "the VM does not run any more")
end

-- How it ends.
for _, name in ipairs { "condemn", "wait_ended", "kill", "abandon", "end_now", "destroy" } do
  vm[name] = ending[name]
end

return vm
