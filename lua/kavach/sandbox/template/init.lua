-- Warm starts: a guest that has booted once is saved as a template, and later ones start as copies
-- of it, in a tenth of the time.

local core = require "kavach.core"
local image = require "kavach.sandbox.image"
local json = require "kavach.json"
local key = require "kavach.sandbox.template.key"
local plan = require "kavach.sandbox.plan"
local store = require "kavach.sandbox.template.store"
local task = require "kavach.task"

local template = {}

-- How long a copy may take until it answers. It takes a tenth of a second where nothing else runs.
local CLONE_MS <const> = 10000
-- How long the end of a QEMU that has closed its control port may take.
local LAST_WORDS_MS <const> = 1000
-- So often one that turned out bad is made again.
local FAILURES <const> = 3

---The key of the templates that fit a start, if it can have any.
---@param checked table the sandbox's options
---@param planned kavach.plan
---@return string? key
---@return string? why not
function template.key(checked, planned)
  if not checked.template then return nil, "template = false" end
  if planned.launch.backend == "sev-snp" then return nil, "an sev-snp guest cannot be saved" end
  if planned.measured then return nil, "its initramfs is its own" end
  local shape = plan.copy(planned)
  if plan.needs_task_share(shape, checked) then plan.add_task_share(shape, "task", checked) end
  return key.of(shape, image.is_foreign(planned.files))
end

-- ---- a copy ------------------------------------------------------------------------------------

-- Whether the files hold what was saved. Looked at by another thread while QEMU starts.
local function check(found)
  if found.checked then return true end
  local manifest = found.manifest
  local state = found.state:read "a" or ""
  found.state:seek "set" -- QEMU reads on from where the file is
  if core.hash(state) ~= manifest.state.digest then return nil, "its state is damaged" end
  local job, why = core.sparse_digest(found.memory)
  if not job then return nil, why end
  task.wait(function(done) core.work(job:work(), job, done) end)
  local digest
  digest, why = job:result()
  if not digest then return nil, why end
  if digest ~= manifest.memory.digest then return nil, "its memory is damaged" end
  store.confirm(found)
  return true
end

local IGNORE_SHARED <const> = { capability = "x-ignore-shared", state = true }

-- How it ended, if it is about to: QEMU closes its control port ahead of its last words.
local function cause_of(vm, control, why)
  if control.lost then
    vm.changed:until_true(function() return vm.buried end, core.now() + LAST_WORDS_MS)
  end
  return vm.cause or why
end

-- Gives QEMU the state, once the files are known to be sound. It has been of use once the agent
-- answers: what comes of the VM then is not its doing.
local function restore(vm, checking)
  local control, why = vm:qmp()
  local sound, damage = checking:await()
  if not sound then return nil, damage end
  if not control then return nil, vm.cause or why end
  local answer
  answer, why = control:execute("migrate-set-capabilities",
    { capabilities = json.array { IGNORE_SHARED } }, CLONE_MS)
  if answer ~= nil then
    answer, why = control:execute("migrate-incoming", { uri = "fd:4" }, CLONE_MS)
  end
  if answer == nil then return nil, cause_of(vm, control, why) end
  local ready
  ready, why = vm:wait_ready()
  return ready or vm.ready_at ~= nil, why
end

---Starts a VM as a copy of the template, and waits until it is ready.
---@param found kavach.template.found
---@param start fun(options: { files: userdata[], boot_ms: integer }): kavach.vm?, any
---@param boot_ms integer how long a boot may take; 0: for ever
---@return kavach.vm? vm
---@return any why
---@return boolean? innocent it is not the template's fault
function template.clone(found, start, boot_ms)
  local memory <close> = found.memory
  local state <close> = found.state
  local checking = task.spawn(check, found)
  local limit = boot_ms > 0 and math.min(CLONE_MS, boot_ms // 2) or CLONE_MS
  local vm, why = start { files = { memory, state }, boot_ms = math.max(limit, 1) }
  if not vm then
    checking:await()
    return nil, why, true
  end
  local finished, ok, trouble = pcall(restore, vm, checking)
  if finished and ok then
    store.touch(found)
    return vm
  end
  vm:destroy()
  if not finished then error(ok, 0) end
  checking:await()
  return nil, trouble
end

-- ---- one that is made on the side --------------------------------------------------------------

---The template to start from; or, if there is none, who makes one of the guest that boots instead.
---@param planned kavach.plan
---@param digest_key string
---@param on_step fun(what: string)
---@return kavach.template.found? found
---@return kavach.template.maker? maker
---@return string? why neither
function template.look(planned, digest_key, on_step)
  local found, why, failures = store.find(digest_key)
  if found then return found end
  if why then on_step("no start from a template: " .. why) end
  if why and (not failures or failures > FAILURES) then return nil, nil, why end
  local maker
  maker, why, found =
    require("kavach.sandbox.template.maker").begin(planned, digest_key, failures or 0)
  return found, maker, why and tostring(why)
end

template.condemn = store.condemn

return template
