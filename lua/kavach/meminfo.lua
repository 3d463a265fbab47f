-- The memory of this machine, as /proc/meminfo tells it (proc(5)).

---@param name string of a line: "MemTotal", "MemAvailable"
---@return integer? MiB nil if it does not tell
return function(name)
  local file <close> = io.open("/proc/meminfo", "rb")
  local kib = file and (file:read "a" or ""):match("%f[%a]" .. name .. ":%s*(%d+) kB")
  return kib and tonumber(kib) // 1024 or nil
end
