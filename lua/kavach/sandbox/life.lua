-- A sandbox's states, and the moves between them: a pure table, which vm.lua obeys.
--
--   created    QEMU was started, and the guest boots: commands can be given already, and wait
--   running    the guest's agent answers
--   paused     the machine stands still, with all that runs in it
--   stopped    QEMU has ended, or is about to: the guest powered off, or died
--   destroyed  nothing is left of it
--
-- A move is what somebody asks for. A death is none: whatever the state was, a VM that ends by
-- itself, or whose boot is called off, is stopped then, and its cause says why.

local err = require "kavach.err"

local life = {}

---@alias kavach.state "created"|"running"|"paused"|"stopped"|"destroyed"

---@type kavach.state[]
life.STATES = { "created", "running", "paused", "stopped", "destroyed" }

local MOVES <const> = {
  created = { running = true },
  running = { paused = true, stopped = true, destroyed = true },
  paused = { running = true, stopped = true, destroyed = true },
  stopped = { destroyed = true },
  destroyed = {},
}

-- What can be done instead, by the state that it is in.
local ADVICE <const> = {
  created = "wait until it is ready, or destroy it",
  paused = "resume it first",
  stopped = "only destroying is left",
  destroyed = "make another",
}

---@param from kavach.state
---@param to kavach.state
---@return boolean
function life.can_move(from, to)
  return MOVES[from][to] or false
end

---The error for a move that there is not. It names both states.
---@param from kavach.state
---@param to kavach.state
---@param cause? kavach.Error why it died, if it did
---@return kavach.Error of kind "invalid_transition"
function life.refusal(from, to, cause)
  local message
  if from == to then
    message = ("the sandbox is %s already: %s to %s is no move"):format(from, from, to)
  else
    message = ("the sandbox is %s, and cannot become %s"):format(from, to)
    if ADVICE[from] then message = ("%s: %s"):format(message, ADVICE[from]) end
  end
  if cause then message = ("%s (%s)"):format(message, cause.message) end
  return err.new("invalid_transition", message, { from = from, to = to, cause = cause })
end

---@param from kavach.state
---@param to kavach.state
---@return boolean? true
---@return kavach.Error? err of kind "invalid_transition"
function life.check(from, to)
  if life.can_move(from, to) then return true end
  return nil, life.refusal(from, to)
end

---Why nothing can be asked of the guest in that state, if so.
---@param state kavach.state
---@param cause? kavach.Error why it died, if it did
---@return kavach.Error?
function life.unusable(state, cause)
  if state == "created" or state == "running" then return nil end
  if state == "stopped" and cause then return cause end
  return err.new("invalid_transition", ("the sandbox is %s: %s"):format(state,
    state == "paused" and "resume it first" or "nothing can run in it"), { from = state })
end

return life
