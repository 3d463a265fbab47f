-- The ways in which a VM ends, all of them: QEMU ends by itself, the guest is given up, somebody
-- asks for it, nobody holds it any more. Whatever sets a state from which there is no way back
-- stands here, or in moves.stop, which calls end_now: there is to be no such state with a QEMU that
-- goes on.

local core = require "kavach.core"
local err = require "kavach.err"
local task = require "kavach.task"
local cleanup = require "kavach.sandbox.cleanup"
local obituary = require "kavach.sandbox.obituary"

local SIGKILL <const> = 9
-- How long what a dead QEMU left in its pipes and sockets may take to arrive.
local DRAIN_MS <const> = 500
-- How long SIGKILL may take: giving back some GiB of memory is not instant.
local KILL_MS <const> = 10000

local ending = {}

---Not stopped or destroyed, and not dead.
---@param self kavach.vm
---@return boolean
function ending.alive(self)
  return self.state ~= "stopped" and self.state ~= "destroyed"
end

local function sigkill(self)
  if self.child and not self.ended then self.child:signal(SIGKILL) end
end

-- QEMU has ended and all it left behind is read: this is what it was.
local function bury(self)
  if self.buried then return end
  self.buried = true
  if self.drain then self.drain:close() end
  if ending.alive(self) then
    self.cause = obituary(self)
    self.state = "stopped"
  end
  self.agent:lose(self.cause or err.new("io", "the sandbox was stopped"))
  self.changed:wake()
  self.console.changed:wake()
end

---One of what must come to its end has: when all have, the story can be told.
---@param self kavach.vm
---@param part string "process", "console", "errors" or "agent"
function ending.settle(self, part)
  self.open[part] = nil
  if self.ended and (not next(self.open) or self.buried) then bury(self) end
end

---What core.spawn tells of QEMU.
---@param self kavach.vm
function ending.on_told(self, how, a, b)
  if how == "started" then return end
  if how == "ended" then
    self.ended = { code = a, signal = b }
  else
    self.ended = { failed = true, why = b, step = a, code = 0, signal = 0 }
  end
  -- A connection that was never made brings nothing any more.
  if not self.agent.stream then self.open.agent = nil end
  if self.timer then self.timer:close() end
  self.drain = core.timer(DRAIN_MS, function() bury(self) end)
  ending.settle(self, "process")
  self.changed:wake()
end

---Kills QEMU with a reason of ours; the error tells it when QEMU is gone.
---@param self kavach.vm
---@param cause kavach.Error
function ending.condemn(self, cause)
  if not ending.alive(self) then return end
  cause.console = cause.console or self.console:lines()
  if self.state == "created" then cause.kind = "creation_failed" end
  self.cause = cause
  self.state = "stopped"
  sigkill(self)
  self.changed:wake()
end

---Waits until the QEMU process has ended.
---@param self kavach.vm
---@param ms integer at most so long
---@return boolean
function ending.wait_ended(self, ms)
  return self.changed:until_true(function() return self.ended ~= nil end, core.now() + ms) or false
end

---Kills QEMU and does not wait for its end; destroy() is still to be called.
---@param self kavach.vm
function ending.kill(self)
  if not ending.alive(self) then return end
  self.state = "stopped"
  sigkill(self)
end

---Ends it without waiting: for finalizers, and for what never quite began.
---@param self kavach.vm
function ending.abandon(self)
  self.state = "destroyed"
  self.agent:lose(self.cause or err.new("io", "the sandbox was closed"))
  if self.child and not self.ended then self.child:forget() end
  self.ended = self.ended or { code = 0, signal = SIGKILL }
  cleanup.all(self)
end

-- Even a task that is called off goes on to the end of this. Returns what it was told meanwhile, if
-- it was, and whether QEMU is gone.
local function kill_and_wait(self)
  sigkill(self)
  local finished, gone = pcall(task.shield, ending.wait_ended, self, KILL_MS)
  if not finished then return gone, false end
  return nil, gone
end

local function immortal()
  return err.fail("io", ("QEMU does not end, not even by SIGKILL, within %d ms"):format(KILL_MS))
end

---Kills QEMU if it has not ended, and waits until it is gone. What it leaves behind stays.
---@param self kavach.vm
---@return boolean? true
---@return kavach.Error?
function ending.end_now(self)
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
---@param self kavach.vm
---@return boolean? true
---@return kavach.Error?
function ending.destroy(self)
  if self.state == "destroyed" then
    self.changed:until_true(function() return self.freed end)
    return true
  end
  self.state = "destroyed"
  self.changed:wake()
  return free(self)
end

return ending
