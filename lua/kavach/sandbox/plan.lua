-- From a checked configuration to what runs: QEMU's command line, and what the guest mounts.

local core = require "kavach.core"
local err = require "kavach.err"
local image = require "kavach.sandbox.image"
local setup = require "kavach.sandbox.setup"
local storage = require "kavach.sandbox.storage"
local wire = require "kavach.sandbox.wire"

local plan = {}

plan.TASK_TARGET = "/run/kavach/task"

-- Inside its private directory QEMU finds what is there by these names, however long the path is.
local AGENT_SOCKET <const>, QMP_SOCKET <const> = "agent.sock", "qmp.sock"
local MEASURED_INITRD <const> = "initrd"

---@class kavach.plan
---@field launch table what core.qemu_argv takes
---@field setup kavach.setup.step[] what the agent is to do before the first command, in this order
---@field limits? kavach.setup.step the last of those, if there are limits in the guest
---@field scratch_mb? integer size of the disk to be made for what the guest writes
---@field files { kernel: string, initrd: string }
---@field measured? { initrd: string, payload: string } what the initramfs is made of

-- What QEMU is told of the network; nothing if there is to be none.
local function network_of(config)
  return config.network.enabled and require("kavach.sandbox.network").launch() or nil
end

---@param config table checked
---@param backend string
---@param qemu string
---@param snp table? what a sev-snp guest is launched with
---@return kavach.plan
function plan.new(config, backend, qemu, snp)
  local files = image.find(config, backend)
  local shares, steps, disks = {}, {}, {}
  storage.add(config, shares, disks, steps)
  for i, mount in ipairs(config.mounts) do
    local tag = ("mount%d"):format(i)
    shares[#shares + 1] =
      { tag = tag, path = mount.source, readonly = mount.readonly, remap = true }
    steps[#steps + 1] = setup.mount(tag, mount.target, mount.readonly)
  end
  local last = storage.limits(config)
  steps[#steps + 1] = last
  return {
    files = files,
    setup = steps, limits = last,
    scratch_mb = config.disk_mb,
    launch = {
      backend = backend, qemu = qemu,
      cpus = config.cpu_limit, memory_mb = config.memory_limit_mb,
      kernel = files.kernel, initrd = files.initrd,
      agent_socket = AGENT_SOCKET, qmp_socket = QMP_SOCKET, console = true,
      shares = shares, disks = disks, network = network_of(config), snp = snp,
    },
  }
end

---Whether there is to be a folder that commands are written to: the seed dialect always has it.
---@param self kavach.plan
---@param config table checked
---@return boolean
function plan.needs_task_share(self, config)
  local snp = self.launch.snp
  return config.transport == "share" or (snp and snp.dialect == "seed") or false
end

---Adds that folder, which the guest mounts if commands come by it.
---@param self kavach.plan
---@param dir string
---@param config table checked
function plan.add_task_share(self, dir, config)
  local shares, steps = self.launch.shares, self.setup
  shares[#shares + 1] = { tag = "task", path = dir, readonly = true }
  if config.transport ~= "share" then return end
  -- Before the limits, behind which nothing can be mounted.
  local at = self.limits and #steps or #steps + 1
  table.insert(steps, at, setup.mount("task", plan.TASK_TARGET, true))
end

-- What comes ahead of the network: the root, in which it writes.
local EARLY <const> = { [wire.IDENTITY] = true, [wire.ROOT] = true }

---Adds the step that sets up the network.
---@param self kavach.plan
---@param step kavach.setup.step
function plan.add_network(self, step)
  local at = 1
  while self.setup[at] and EARLY[self.setup[at].kind] do at = at + 1 end
  table.insert(self.setup, at, step)
end

---Adds the step that tells the guest who it is. None for what is measured, which takes no more than
---it must from its host.
---@param self kavach.plan
---@param config table checked
---@param time_ns integer as for setup.identity
function plan.add_identity(self, config, time_ns)
  if self.launch.backend == "sev-snp" or self.measured then return end
  table.insert(self.setup, 1, setup.identity(config.name, time_ns))
end

---Has QEMU keep the guest's memory in a file, its descriptor 3.
---@param self kavach.plan
---@param clone boolean it is a saved guest's, of which this one has a copy of its own
function plan.use_memory_file(self, clone)
  self.launch.memory_file, self.launch.clone = "/proc/self/fd/3", clone
  if clone then self.launch.tsc_khz = 0 end -- which need not be measured: it has been told
end

---A plan that can be changed without the other.
---@param self kavach.plan
---@return kavach.plan
function plan.copy(self)
  local copy, launch = {}, {}
  for name, value in next, self do copy[name] = value end
  for name, value in next, self.launch do launch[name] = value end
  launch.shares = table.move(launch.shares, 1, #launch.shares, 1, {})
  copy.launch, copy.setup = launch, table.move(self.setup, 1, #self.setup, 1, {})
  return copy
end

---Has the guest's initramfs carry the measured command: it is made in the private directory.
---@param self kavach.plan
---@param payload string
function plan.add_measured(self, payload)
  self.measured = { initrd = self.launch.initrd, payload = payload }
  self.launch.initrd = MEASURED_INITRD
end

---Makes what the command line names in the private directory, once there is one.
---@param self kavach.plan
---@param dir string
---@return boolean? true
---@return kavach.Error?
function plan.furnish(self, dir)
  if self.scratch_mb then
    local made, why = storage.make_scratch(dir, self.scratch_mb)
    if not made then return nil, why end
  end
  if not self.measured then return true end
  return require("kavach.sandbox.measured").write(self.measured.initrd, self.measured.payload,
    dir .. "/" .. MEASURED_INITRD)
end

---@param self kavach.plan
---@return string[]? argv
---@return kavach.Error?
function plan.argv(self)
  local argv, why, kind = core.qemu_argv(self.launch)
  if argv then return argv end
  return err.fail(kind or "invalid_argument", why, { op = "sandbox" })
end

return plan
