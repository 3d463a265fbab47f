-- What a VM leaves behind when it ends, and how that goes away.

local core = require "kavach.core"

local cleanup = {}

---@param self kavach.vm
local function close_streams(self)
  local owned = {
    "timer", "drain", "agent_listener", "qmp_listener", "agent_stream", "sockets", "control",
  }
  for _, name in ipairs(owned) do
    if self[name] then self[name]:close() end
  end
  for _, stream in ipairs(self.streams or {}) do stream:close() end
end

---Removes its control group and its directories, or puts the first, where QEMU ran, out of the
---sweep's way.
---@param self kavach.vm
---@return boolean? true
---@return string? why
local function clear_directories(self)
  if self.group then self.group:remove() end
  local dir, dirs = self.dir, self.dirs
  self.dir, self.dirs = nil, {}
  local ok, why = true, nil
  if dir and self.keep then
    self.kept, why = core.keep_dir(dir)
    ok = self.kept ~= nil
  elseif dir then
    ok, why = core.remove_dir(dir)
  end
  for _, other in ipairs(dirs) do
    local removed, trouble = core.remove_dir(other)
    if not removed then ok, why = nil, why or trouble end
  end
  return ok, why
end

---Everything. QEMU is gone, or nobody waits for its end.
---@param self kavach.vm
---@return boolean? true
---@return string? why
function cleanup.all(self)
  self.buried = true
  close_streams(self)
  local ok, why = clear_directories(self)
  self.freed = true
  self.changed:wake()
  return ok, why
end

return cleanup
