-- Which hosts of this user there are, by the files that they have in its private folder:
--
--   PID-STARTTIME.sock   the control socket of a host
--   PID-STARTTIME.log    what a host without a terminal has to say
--   name-NAME            a symbolic link to PID-STARTTIME: the host whose sandbox has that name
--
-- A host's supervisor removes its files when it ends. Should that be killed too, they stay, and
-- whoever finds them here removes them.

local core = require "kavach.core"
local start_time = require("kavach.proc").start_time

local hosts = {}

local NAME <const> = "name-"

-- A host that nobody asks for does without it.
local lfs = require "kavach.later" "lfs"

---What this process's files are called.
---@return string
function hosts.own()
  return ("%d-%s"):format(core.getpid(), start_time "self")
end

---@param host string PID-STARTTIME
---@return boolean
function hosts.alive(host)
  local pid, started = host:match "^(%d+)%-(%d+)$"
  return pid ~= nil and start_time(pid) == started
end

---@return string? folder
---@return string? why
function hosts.folder() return core.private_parent() end

---The path of a host's control socket.
---@param host string
---@return string
function hosts.socket(host) return assert(core.private_parent()) .. "/" .. host .. ".sock" end

---The path of the log of a host without a terminal.
---@param host string
---@return string
function hosts.log(host) return assert(core.private_parent()) .. "/" .. host .. ".log" end

local function refused(path)
  local stream = core.connect(path)
  if stream then stream:close() end
  return not stream
end

-- A host may be in a PID namespace that this process does not see: who answers is not gone.
local function sweep(folder, file)
  local host, kind = file:match "^(%d+%-%d+)%.(%a+)$"
  if file:sub(1, #NAME) == NAME then
    host, kind = lfs.symlinkattributes(folder .. "/" .. file, "target"), "name"
  end
  if not host or hosts.alive(host) or not refused(folder .. "/" .. host .. ".sock") then return end
  if kind == "sock" or kind == "log" or kind == "name" then os.remove(folder .. "/" .. file) end
end

---The hosts that there are; removes what others have left behind.
---@return string[]? hosts sorted
---@return string? why
function hosts.list()
  local folder, why = core.private_parent()
  if not folder then return nil, why end
  local files, list = {}, {}
  for file in lfs.dir(folder) do files[#files + 1] = file end
  for _, file in ipairs(files) do
    sweep(folder, file)
    local host = file:match "^(%d+%-%d+)%.sock$"
    if host and lfs.symlinkattributes(folder .. "/" .. file, "mode") == "socket" then
      list[#list + 1] = host
    end
  end
  table.sort(list)
  return list
end

-- ---- names -------------------------------------------------------------------------------------

---The host whose sandbox has that name, if there is one.
---@param name string
---@return string? host
function hosts.holder(name)
  local folder = core.private_parent()
  if not folder then return nil end
  local link = folder .. "/" .. NAME .. name
  if lfs.symlinkattributes(link, "mode") ~= "link" then return nil end
  sweep(folder, NAME .. name)
  return (lfs.symlinkattributes(link, "target") or ""):match "^%d+%-%d+$"
end

---Makes the name this host's, until it is released or the host ends.
---@param name string
---@return boolean? true
---@return string? why
function hosts.claim(name)
  local folder, why = core.private_parent()
  if not folder then return nil, why end
  local own, link = hosts.own(), folder .. "/" .. NAME .. name
  hosts.holder(name) -- removes a link of somebody who is gone
  local ok, trouble = lfs.link(own, link, true)
  if not ok then
    local holder = lfs.symlinkattributes(link, "target")
    if not holder then return nil, ("cannot take the name '%s': %s"):format(name, trouble) end
    return nil, ("the name '%s' is in use by another sandbox, of process %s; see kavach ps"):format(
      name, holder:match "^%d+" or "?")
  end
  local owned
  owned, trouble = core.own_file(link)
  if owned then return true end
  os.remove(link)
  return nil, ("cannot keep the name '%s': %s"):format(name, trouble)
end

---@param name string of this host's
function hosts.release(name)
  local folder = core.private_parent()
  if not folder then return end
  local link = folder .. "/" .. NAME .. name
  if lfs.symlinkattributes(link, "target") == hosts.own() then os.remove(link) end
  core.disown_file(link)
end

return hosts
