-- What proc(5) says of processes.

local proc = {}

---When the process started, in ticks since the machine did: together with its number, and the
---machine's boot, that is nobody else. A process that has ended and is not reaped counts as none.
---@param pid integer|string "self" too
---@return string? ticks nil if there is no such process
function proc.start_time(pid)
  local file = io.open(("/proc/%s/stat"):format(pid))
  local text = file and file:read "a"
  if file then file:close() end
  -- Fields 3 and 22. The second, its name in brackets, may hold anything.
  local state, rest = (text or ""):match "^.*%) (%a) (.*)$"
  if not state or state == "Z" or state == "X" then return nil end
  local field = 3
  for word in rest:gmatch "%S+" do
    field = field + 1
    if field == 22 then return word end
  end
end

return proc
