-- What proc(5) says of processes.

local proc = {}

-- The fields of /proc/PID/stat from the third on, by their numbers. The second, its name in
-- brackets, may hold anything.
local function fields(pid)
  local file <close> = io.open(("/proc/%s/stat"):format(pid))
  local rest = (file and file:read "a" or ""):match "^.*%) (.*)$"
  if not rest then return nil end
  local list, number = {}, 2
  for word in rest:gmatch "%S+" do
    number = number + 1
    list[number] = word
  end
  return list
end

---When the process started, in ticks since the machine did: together with its number, and the
---machine's boot, that is nobody else. A process that has ended and is not reaped counts as none.
---@param pid integer|string "self" too
---@return string? ticks nil if there is no such process
function proc.start_time(pid)
  local list = fields(pid)
  if not list or list[3] == "Z" or list[3] == "X" then return nil end
  return list[22]
end

-- USER_HZ: what proc(5) counts in, 100 on every architecture that there is a QEMU of ours for.
local TICK_MS <const> = 10

---The processor time that the process has used, in user mode and in the kernel.
---@param pid integer|string
---@return integer? ms nil if there is no such process
function proc.cpu_ms(pid)
  local list = fields(pid)
  return list and math.tointeger(tonumber(list[14]) + tonumber(list[15])) * TICK_MS
end

return proc
