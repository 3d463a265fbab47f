-- A control group of the host for QEMU: what a guest that took its QEMU over could use of the
-- machine. A second line: the guest's own size is the first, so where there may be no such group,
-- a sandbox goes without.
--
-- It is made beside the group that this process is in, or in that one, if the memory controller is
-- switched on there already and the folder may be written: so it is under systemd for whoever has
-- the slice delegated, and for root. Nothing is switched on that its owner did not: the kernel
-- would refuse it in a group with processes, and systemd does not want it in a group of its own.
-- Source: the kernel's Documentation/admin-guide/cgroup-v2.rst.

local host_cgroup = {}

-- Where the system tells; specs put files of their own here.
host_cgroup.system = { own = "/proc/self/cgroup", mounts = "/proc/self/mountinfo" }

local MIB <const> = 1024 * 1024
local PERIOD_US <const> = 100000

-- What QEMU takes beside the guest's memory: its own, and under TCG translated code, for which it
-- sets up to 1 GiB aside (tcg/region.c of QEMU). Threads: its pool has up to 64, and one for each
-- processor. A processor for all that is not the guest's.
local OWN_MB <const>, TRANSLATED_MB <const>, THREADS <const>, PROCESSORS <const> = 512, 1024, 128, 1

local function read(path)
  local file = io.open(path, "rb")
  local text = file and file:read "a"
  if file then file:close() end
  return text
end

-- The kernel takes what one write() brings, or answers with why not.
local function write(path, text)
  local file, why = io.open(path, "wb")
  if not file then return nil, why end
  file:setvbuf "no"
  local ok, trouble = file:write(text)
  file:close()
  if not ok then return nil, ("%s: %s"):format(path, trouble) end
  return true
end

-- ---- where it may be ---------------------------------------------------------------------------

-- The folder of this process's own group, and whether it is the topmost that can be seen.
local function own_group()
  local path = ("\n" .. (read(host_cgroup.system.own) or "")):match "\n0::(/[^\n]*)"
  if not path then return nil, "this system has no control groups of version 2" end
  for line in (read(host_cgroup.system.mounts) or ""):gmatch "[^\n]+" do
    local root, point, kind = line:match "^%d+ %d+ %S+ (%S+) (%S+) .* %- (%S+)"
    if kind == "cgroup2" then
      root, point = root == "/" and "" or root, point:gsub("\\(%d%d%d)", function(octal)
        return string.char(tonumber(octal, 8))
      end)
      local below = path:sub(1, #root) == root and path:sub(#root + 1)
      if not below or below:find("..", 1, true) then break end
      below = below:gsub("/$", "")
      return point .. below, below == ""
    end
  end
  return nil, "the control groups of version 2 are not mounted where this process is in one"
end

-- Why no group can be made in a folder, if so; else its controllers.
local function controllers_of(folder)
  local found = {}
  local switched_on = read(folder .. "/cgroup.subtree_control") or ""
  for name in switched_on:gmatch "%S+" do found[name] = true end
  if not found.memory then
    return nil, folder .. ": the memory controller is not switched on for the groups in it"
  end
  -- To move a process in, the group above both must be one's own.
  local file, why = io.open(folder .. "/cgroup.procs", "ab")
  if not file then return nil, why end
  file:close()
  return found
end

-- Names say whose they are, so that what a killed host left can be told from what is in use.
local function sweep(folder, hosts)
  local lfs = require "lfs"
  for name in lfs.dir(folder) do
    local host = name:match "^kavach%-(%d+%-%d+)%-%d+$"
    -- Of one that is in use the kernel refuses it.
    if host and not hosts.alive(host) then lfs.rmdir(folder .. "/" .. name) end
  end
end

local count = 0
local function make_in(folder)
  local controllers, why = controllers_of(folder)
  if not controllers then return nil, why end
  local hosts = require "kavach.sandbox.control.hosts"
  sweep(folder, hosts)
  count = count + 1
  local path = ("%s/kavach-%s-%d"):format(folder, hosts.own(), count)
  local ok
  ok, why = require("lfs").mkdir(path)
  if not ok then return nil, ("%s: %s"):format(path, why) end
  return path, controllers
end

local function make()
  local own, topmost = own_group()
  if not own then return nil, topmost end
  local why
  if not topmost then
    local path, controllers = make_in(own:match "^(.*)/")
    if path then return path, controllers end
    why = controllers
  end
  local path, controllers = make_in(own)
  return path, path and controllers or why or controllers
end

---Whether QEMU gets a group of its own here; where, or why not.
---@return boolean available
---@return string where_or_why
function host_cgroup.probe()
  local path, why = make()
  if not path then return false, why end
  require("lfs").rmdir(path)
  return true, path:match "^(.*)/"
end

-- ---- one group ---------------------------------------------------------------------------------

---@class kavach.host_cgroup.group
---@field path string
local group = {}
group.__index = group

---Removes it once nothing runs in it. What cannot be removed yet, a later sandbox's host removes.
function group:remove() require("lfs").rmdir(self.path) end

---@class kavach.host_cgroup.bounds
---@field cpus number of the guest
---@field memory_mb integer of the guest
---@field disk_mb? integer the scratch disk, whose file may lie in memory
---@field translates boolean under TCG

---Puts QEMU into a group of its own.
---@param pid integer
---@param bounds kavach.host_cgroup.bounds
---@return kavach.host_cgroup.group? group
---@return string? why
function host_cgroup.enclose(pid, bounds)
  local path, controllers = make()
  if not path then return nil, controllers end
  local cpus = math.ceil(bounds.cpus)
  local memory_mb = bounds.memory_mb + (bounds.disk_mb or 0) + OWN_MB
    + (bounds.translates and TRANSLATED_MB or 0)
  local ok, why = write(path .. "/memory.max", ("%d"):format(memory_mb * MIB))
  if ok and controllers.pids then
    ok, why = write(path .. "/pids.max", ("%d"):format(THREADS + cpus))
  end
  if ok and controllers.cpu then
    ok, why = write(path .. "/cpu.max",
      ("%d %d"):format((cpus + PROCESSORS) * PERIOD_US, PERIOD_US))
  end
  if ok then ok, why = write(path .. "/cgroup.procs", ("%d"):format(pid)) end
  if ok then return setmetatable({ path = path }, group) end
  require("lfs").rmdir(path)
  return nil, why
end

---Puts the QEMU of a VM into a group, once, as soon as its number is known: the guest takes most of
---its memory later.
---@param vm kavach.vm
function host_cgroup.hold(vm)
  local pid = vm.bounds and vm.child and not vm.ended and vm.child:pid()
  if not pid then return end
  vm.group = host_cgroup.enclose(pid, vm.bounds)
  vm.bounds = nil
  if vm.group then vm.on_step("QEMU is in the control group " .. vm.group.path) end
end

return host_cgroup
