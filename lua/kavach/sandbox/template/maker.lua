-- Saves a guest that has booted and runs nothing yet, so that others can start as copies of it.
-- Then the guest goes on, for the sandbox that it was booted for.
--
-- Its memory is a file that QEMU maps shared, so QEMU writes only the state of its devices (the
-- capability x-ignore-shared), to a socket. While it stands still for that, the memory is copied.

local core = require "kavach.core"
local json = require "kavach.json"
local lock = require "kavach.sandbox.template.lock"
local place = require "kavach.sandbox.template.place"
local store = require "kavach.sandbox.template.store"
local streams = require "kavach.stream"
local task = require "kavach.task"
local wire = require "kavach.sandbox.wire"

local MIB <const> = 1024 * 1024
-- How long a guest may be kept from its first command, and how much state there may be of it.
local SAVE_MS <const>, STATE_MOST <const> = 15000, 64 * MIB
local CHANNEL <const> = 1
local STATE_SOCKET <const> = "state.sock"

---@class kavach.template.maker
---@field memory userdata the guest's, Lua's file: QEMU's descriptor 3
local maker = {}
maker.__index = maker

---Begins, if nobody else is at it and there is none by now.
---@param planned kavach.plan
---@param key string
---@param failures integer
---@return kavach.template.maker?
---@return string? why
---@return kavach.template.found? found there is one by now
function maker.begin(planned, key, failures)
  local base, why = place.own()
  if not base then return nil, why end
  local self = setmetatable({
    planned = planned, key = key, digest = core.hash(key), failures = failures,
  }, maker)
  self.lock, why = lock.take(base, self.digest)
  if not self.lock then return nil, why end
  local there = store.find(key)
  if not there then
    self.memory, why = core.memory_file(planned.launch.memory_mb * MIB)
    if self.memory then self.folder, why = store.begin(base, self.digest) end
    if self.folder then return self end
  end
  self:close()
  return nil, why, there
end

---Ends it, and removes what was not published.
function maker:close()
  if self.folder and not self.published then store.abandon(self.folder) end
  if self.memory then self.memory:close() end
  if self.lock then self.lock:close() end
  self.folder, self.memory, self.lock = nil, nil, nil
end

maker.__close = maker.close

-- ---- the guest ---------------------------------------------------------------------------------

-- Waits until the guest has booted and is ready to be saved.
local function settle(stream)
  local port = streams.wrap(stream, "the agent's port")
  local ok, why = port:write(wire.frame(wire.SAVE, CHANNEL))
  if not ok then return nil, why end
  local decoder = wire.decoder()
  while true do
    local kind, channel, payload = decoder:next()
    if kind == wire.DONE and channel == CHANNEL then return true end
    if kind == wire.FAILED then
      local _, what = wire.parse_failed(payload)
      return nil, "the agent: " .. tostring(what)
    elseif kind or channel then
      return nil, "the agent answered something else"
    end
    local bytes
    bytes, why = port:read()
    if not bytes then return nil, why or "the agent's port was closed" end
    decoder:feed(bytes)
  end
end

-- ---- its state ---------------------------------------------------------------------------------

local function migration_over(control)
  if control.lost then return "failed" end
  for _, event in ipairs(control.events) do
    local status = event.event == "MIGRATION" and type(event.data) == "table" and event.data.status
    if status == "completed" or status == "failed" or status == "cancelled" then return status end
  end
end

-- Takes all that comes, up to the end.
local function take(listener)
  local stream <close>, why = listener:accept()
  if not stream then return nil, why end
  local parts, size = {}, 0
  while true do
    local bytes, failed = stream:read()
    if failed then return nil, failed end
    if not bytes then return table.concat(parts) end
    size = size + #bytes
    if size > STATE_MOST then return nil, "QEMU's state does not end" end
    parts[#parts + 1] = bytes
  end
end

-- Has QEMU write its state. The machine stands still from then on.
local function save_state(control, dir)
  local ok, why = control:execute("migrate-set-capabilities", {
    capabilities = json.array {
      { capability = "events", state = true }, { capability = "x-ignore-shared", state = true },
    },
  }, SAVE_MS)
  if not ok then return nil, why end
  local listener <close>, unheard = streams.listen(dir .. "/" .. STATE_SOCKET)
  if not listener then return nil, unheard end
  -- What has failed may never connect.
  control.changed:watch(function()
    local status = migration_over(control)
    if status and status ~= "completed" then listener:close() end
  end)
  ok, why = control:execute("migrate", { uri = "unix:" .. STATE_SOCKET }, SAVE_MS)
  if not ok then return nil, why end
  local state
  state, why = take(listener)
  local status = state and control.changed:until_true(function() return migration_over(control) end)
    or migration_over(control)
  if status and status ~= "completed" then
    return nil, "QEMU could not save the machine: " .. status
  end
  return state, why
end

-- ---- its files ---------------------------------------------------------------------------------

local function work(job, why)
  if not job then return nil, why end
  task.wait(function(done) core.work(job:work(), job, done) end)
  return job:result()
end

-- The copy of the memory, open; it has to be made while the machine stands still.
local function copy_memory(self, path)
  local made, why = core.private_file(path, "")
  if not made then return nil, why end
  local target
  target, why = io.open(path, "r+b")
  if not target then return nil, why end
  local copied
  copied, why = work(core.sparse_copy(self.memory, target))
  if copied then return target end
  target:close()
  return nil, ("%s: %s"):format(path, tostring(why))
end

local function publish(self, control, state, names, copy)
  local launch = self.planned.launch
  local digest, why = work(core.sparse_digest(copy))
  if not digest then return nil, why end
  local version = control.version and control.version.qemu
  local ok
  ok, why = store.publish(self.folder, {
    key = self.key, digest = self.digest, failures = self.failures, created = os.time(),
    memory = { name = names.memory, size = launch.memory_mb * MIB, digest = digest },
    state = { name = names.state, size = #state, digest = core.hash(state) },
    qemu = self.planned.qemu.path, kernel = self.planned.files.kernel,
    qemu_version = type(version) == "table"
      and ("%s.%s.%s"):format(version.major, version.minor, version.micro) or nil,
    backend = launch.backend, cpus = launch.cpus, memory_mb = launch.memory_mb,
  })
  if not ok then return nil, why end
  self.published = true
  require("kavach.sandbox.template.shelf").evict(self.digest)
  return true
end

-- Has the machine go on, if it may stand still. If QEMU does not say that it does, it is given up.
local function go_on(self, vm)
  local control = self.stopped
  if not control then return end
  control:send "migrate_cancel"
  local answer, why = control:execute("cont", nil, SAVE_MS)
  self.stopped = nil
  if answer == nil then vm:condemn(why) end
end

local function save(self, vm)
  local control, why = vm:qmp()
  if not control then return nil, why end
  local number = core.hrtime()
  local names = { memory = ("memory-%x"):format(number), state = ("state-%x"):format(number) }
  self.stopped = control
  local state, copy
  state, why = save_state(control, vm.dir)
  if state then copy, why = copy_memory(self, self.folder .. "/" .. names.memory) end
  local file <close> = copy
  go_on(self, vm)
  if not file then return nil, why end
  local ok
  ok, why = core.private_file(self.folder .. "/" .. names.state, state)
  if not ok then return nil, why end
  return publish(self, control, state, names, file)
end

---Waits until the VM has booted, and saves it. Its agent has not been spoken to, and can be after.
---If this raises, because its task is called off, the machine may stand still.
---@param vm kavach.vm made with `hold`
---@return boolean? true
---@return any why
function maker:run(vm)
  local stream, why = vm:agent_port()
  if not stream then return nil, why end
  local ok
  ok, why = settle(stream)
  if not ok then return nil, why end
  vm.on_step "the guest has booted; it is saved for later starts"
  ok, why = task.deadline(SAVE_MS, save, self, vm)
  go_on(self, vm)
  return ok, why
end

return maker
