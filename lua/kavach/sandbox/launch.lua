-- From checked options to a VM that boots, with all that goes with it: the choice of the backend,
-- the network, the folder for commands, the set-up that is sent ahead.

local core = require "kavach.core"
local err = require "kavach.err"
local backend = require "kavach.sandbox.backend"
local config = require "kavach.sandbox.config"
local image = require "kavach.sandbox.image"
local plan = require "kavach.sandbox.plan"
local qemu = require "kavach.sandbox.qemu"
local registry = require "kavach.sandbox.registry"
local template = require "kavach.sandbox.template"
local vm = require "kavach.sandbox.vm"

local launch = {}

---What is to run, if it can run here.
---@param checked table
---@param on_step fun(what: string)
---@return kavach.plan?
---@return kavach.Error?
function launch.plan(checked, on_step)
  local chosen, why = backend.choose(checked.backend, checked.confidential, nil, checked)
  if not chosen then return nil, why end
  on_step("the backend is " .. chosen.name)
  local ok
  ok, why = config.check_backend(checked, chosen.name)
  if not ok then return nil, why end
  local found = chosen.snp and chosen.snp.qemu
  if not found then
    found, why = qemu.find(checked)
    if not found then return nil, why end
  end
  local planned = plan.new(checked, chosen.name, found.path,
    chosen.snp and require("kavach.sandbox.snp").launch(checked, chosen.snp))
  planned.qemu = found
  if checked.measured then plan.add_measured(planned, checked.measured.payload) end
  ok, why = image.check(planned.files, chosen.name)
  if ok then ok, why = image.check_memory(planned.files, planned.launch.memory_mb) end
  if not ok then return nil, why end
  return planned
end

---QEMU's command line, whether or not it could run here.
---@param checked table
---@return string[]? argv
---@return kavach.plan|kavach.Error
function launch.dry(checked)
  local name = checked.backend
  if name == "auto" or checked.confidential == "required" then
    local chosen = backend.choose(name, checked.confidential, nil, checked)
    name = chosen and chosen.name or "sev-snp"
  end
  local fits, why = config.check_backend(checked, name)
  if not fits then return nil, why end
  local planned = plan.new(checked, name, qemu.name(checked),
    name == "sev-snp" and require("kavach.sandbox.snp").dry_launch(checked) or nil)
  if plan.needs_task_share(planned, checked) then plan.add_task_share(planned, "task", checked) end
  if checked.measured then plan.add_measured(planned, checked.measured.payload) end
  local argv
  argv, why = plan.argv(planned)
  if not argv then return nil, why end
  return argv, planned
end

-- ---- starting it -------------------------------------------------------------------------------

local function add_network(self, planned)
  if not self.config.network.enabled then return true end
  local why
  self.network, why = require("kavach.sandbox.network").open(self.config.network, function(cause)
    self.vm.agent:lose(cause)
  end)
  if not self.network then return nil, why end
  plan.add_network(planned, self.network:step())
  return true
end

local function add_share(self, planned)
  if not plan.needs_task_share(planned, self.config) then return true end
  local why
  self.share, why = require("kavach.sandbox.share").new()
  if not self.share then return nil, why end
  plan.add_task_share(planned, self.share.dir, self.config)
  return true
end

local function set_up(agent, steps)
  if #steps == 0 then return end
  local transfer = require "kavach.sandbox.transfer"
  for _, step in ipairs(steps) do
    transfer.step(agent, step, function(cause)
      -- A sandbox without a part of its set-up is not what was asked for.
      if cause and not agent.lost then agent:lose(err.new("creation_failed", cause.message)) end
    end)
  end
end

-- Starts a VM of this plan, which nothing else uses.
---@param self kavach.Sandbox
---@param planned kavach.plan
---@param on_step fun(what: string)
---@param more { files?: userdata[], boot_ms?: integer, hold?: boolean }
---@return kavach.vm?
---@return kavach.Error?
local function start_vm(self, planned, on_step, more)
  local ok, why = add_network(self, planned)
  if ok then ok, why = add_share(self, planned) end
  if not ok then return nil, why end
  local checked = self.config
  self.vm, why = vm.start {
    argv = function(dir)
      local made, trouble = plan.furnish(planned, dir)
      if not made then return nil, trouble end
      return plan.argv(planned)
    end,
    program = planned.qemu.program,
    dirs = self.share and { self.share.dir } or {},
    boot_ms = more.boot_ms or checked.boot_timeout_ms, heartbeat_ms = checked.heartbeat_ms,
    keep = checked.keep, on_step = on_step, sockets = self.network and self.network:sockets(),
    bounds = {
      cpus = checked.cpu_limit, memory_mb = checked.memory_limit_mb, disk_mb = checked.disk_mb,
      translates = self.backend == "tcg",
    },
    files = more.files, hold = more.hold,
  }
  if not self.vm then return nil, why end
  set_up(self.vm.agent, planned.setup)
  if self.given_up then self.vm.agent:lose(self.given_up) end
  return self.vm
end

-- Boots a VM, which is saved on the way if there is who does that.
local function boot(self, planned, on_step, boot_ms, maker)
  local own = plan.copy(planned)
  plan.add_identity(own, self.config, 0)
  if maker then plan.use_memory_file(own, false) end
  local started, why = start_vm(self, own, on_step,
    { boot_ms = boot_ms, files = maker and { maker.memory }, hold = maker ~= nil })
  if not started then return nil, why end
  registry.add(self)
  if not maker then return true end
  local finished, ok, trouble = pcall(maker.run, maker, started)
  if not finished then
    started:destroy()
    error(ok, 0)
  end
  self.template = ok and { digest = maker.digest, made = true } or { why = tostring(trouble) }
  if not ok then on_step("no template was made: " .. self.template.why) end
  started:greet()
  return true -- what has become of the VM, whoever waits for it learns
end

-- Starts a VM as a copy of a template. Without one and without an error, it has to boot after all.
local function clone(self, planned, on_step, found)
  local own = plan.copy(planned)
  plan.add_identity(own, self.config, core.wall_clock())
  plan.use_memory_file(own, true)
  local started, why, innocent = template.clone(found, function(more)
    return start_vm(self, own, on_step, more)
  end, self.config.boot_timeout_ms)
  if started then
    self.template = { digest = found.manifest.digest }
    registry.add(self)
    return true
  end
  if self.given_up then return nil, self.given_up end
  on_step("the copy of the template did not start, so the guest boots: " .. tostring(why))
  if not innocent then template.condemn(found, tostring(why)) end
  self.template = { why = tostring(why) }
end

---Starts it: self.vm boots, and has been told what to do before the first command. One that is a
---copy of a template, or that one is made of, is waited for.
---@param self kavach.Sandbox
---@param planned kavach.plan
---@param on_step fun(what: string)
---@return boolean? true
---@return kavach.Error?
function launch.start(self, planned, on_step)
  local key, why = template.key(self.config, planned)
  local started = core.now()
  local found, maker
  if key then found, maker, why = template.look(planned, key, on_step) end
  local _ <close> = maker
  if not found and not maker then
    on_step("the guest boots, and no template is made: " .. tostring(why))
    self.template = { why = tostring(why) }
  end
  if found then
    local ok, trouble = clone(self, planned, on_step, found)
    if ok or trouble then return ok, trouble end
  end
  local limit = self.config.boot_timeout_ms
  if found and limit > 0 then limit = math.max(limit - (core.now() - started), 1) end
  return boot(self, planned, on_step, limit, maker)
end

return launch
