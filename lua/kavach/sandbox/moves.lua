-- How a VM gets from one state to the other: pause, resume and stop. Each checks the move when it
-- is its turn, and they take turns: what one waits for, none of the others disturbs. To destroy is
-- no part of this: it waits for nobody, and what still waits for QEMU then fails.

local err = require "kavach.err"
local ending = require "kavach.sandbox.ending"
local life = require "kavach.sandbox.life"
local task = require "kavach.task"

local moves = {}

-- For QEMU's answer. It gives it at once, unless the machine it runs on is very busy.
local QMP_MS <const> = 10000

-- Runs move(vm) when no other move is under way. Even a task that is called off sees it through, as
-- long as a shield lasts; what it was told comes after. If QEMU has not answered by then, nobody
-- knows whether the machine stands still, so it is given up.
local function in_turn(vm, move)
  vm.changed:until_true(function() return not vm.moving end)
  vm.moving = true
  local finished, ok, why = pcall(task.shield, move, vm)
  vm.moving = false
  if vm.asked then
    ending.condemn(vm, err.new("io", ("QEMU did not answer %s"):format(vm.asked)))
    vm.asked = nil
  end
  vm.changed:wake()
  if not finished then error(ok, 0) end
  return ok, why
end

local function checked(vm, from, to)
  if vm.state == from and life.can_move(from, to) then return true end
  return nil, life.refusal(vm.state, to, vm.cause)
end

-- Has QEMU do it and waits for its answer. What else has become of the VM meanwhile wins.
local function ask(vm, command, from, to)
  local control, answer, why
  control, why = vm:qmp()
  if control then
    vm.asked = command
    answer, why = control:execute(command, nil, QMP_MS)
    if answer ~= nil or why.kind ~= "timeout" then vm.asked = nil end
  end
  if vm.state ~= from then return checked(vm, from, to) end
  if answer == nil then return nil, why end
  return true
end

local function pause(vm)
  local ok, why = checked(vm, "running", "paused")
  if ok then ok, why = ask(vm, "stop", "running", "paused") end
  if not ok then return nil, why end
  vm.state = "paused"
  vm.agent:rest()
  return true
end

local function resume(vm)
  local ok, why = checked(vm, "paused", "running")
  if ok then ok, why = ask(vm, "cont", "paused", "running") end
  if not ok then return nil, why end
  vm.state = "running"
  vm.agent:wake()
  return true
end

local function begin_to_stop(vm)
  local state = vm.state
  if not life.can_move(state, "stopped") then
    return nil, life.refusal(state, "stopped", vm.cause)
  end
  -- Nothing can be asked of it from here on.
  vm.state = "stopped"
  -- One that stands still could not power off. If QEMU does not let it go on, the grace passes.
  if state == "paused" and vm.control then vm.control:send "cont" end
  vm.agent:poweroff()
  return true
end

---Has the machine stand still, with all that runs in it.
---@param vm kavach.vm
---@return boolean? true
---@return kavach.Error?
function moves.pause(vm) return in_turn(vm, pause) end

---Has it go on; the guest's clock is set anew.
---@param vm kavach.vm
---@return boolean? true
---@return kavach.Error?
function moves.resume(vm) return in_turn(vm, resume) end

---Asks the guest to power off, and takes what time it needs from grace_ms; then QEMU is killed. So
---it is when the task that waits is called off: what has begun to stop, nobody could stop again.
---@param vm kavach.vm
---@param grace_ms integer
---@return boolean? true
---@return kavach.Error?
function moves.stop(vm, grace_ms)
  local ok, why = in_turn(vm, begin_to_stop)
  if not ok then return nil, why end
  local waited, told = pcall(vm.wait_ended, vm, grace_ms)
  vm.agent:lose(err.new("io", "the sandbox was stopped"))
  ok, why = vm:end_now()
  if not waited then error(told, 0) end
  return ok, why
end

return moves
