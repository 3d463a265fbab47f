-- The limits of a sandbox policy: what its guest may use of the machine.

local refusal = require "kavach.sandbox.config.refusal"

---The memory of this machine.
---@return integer MiB
local function host_memory_mb()
  local file = io.open "/proc/meminfo"
  local kb = file and file:read "a":match "MemTotal:%s*(%d+) kB"
  if file then file:close() end
  return kb and tonumber(kb) // 1024 or 16 * 1024 * 1024
end

local M = {}

M.options = {
  cpu_limit = { type = "number", above = 0, max = 255, default = 2 },
  memory_limit_mb = {
    type = "integer", min = 1, default = 512,
    fn = function(mb)
      local most = host_memory_mb()
      if mb <= most then return mb end
      return nil, ("at most %d, the memory of this machine in MiB, got %d"):format(most, mb)
    end,
  },
  read_only_rootfs = "boolean",
  disk_mb = "any", max_pids = "any", policy = "any",
}

function M.check(checked)
  for _, name in ipairs { "disk_mb", "max_pids", "policy" } do
    if checked[name] ~= nil then
      return refusal(name, "is not enforced in this version, so it is refused: leave it out")
    end
  end
  if checked.read_only_rootfs then
    return refusal("read_only_rootfs", "= true is not enforced in this version, so it is refused")
  end
  if checked.cpu_limit ~= checked.cpu_limit // 1 then
    return refusal("cpu_limit", ("= %s: a fraction of a CPU is not enforced in this version; "
      .. "use a whole number"):format(checked.cpu_limit))
  end
  return true
end

return M
