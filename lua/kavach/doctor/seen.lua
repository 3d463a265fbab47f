-- What the checks of one examination share: what they have found, and the looks that take time.
-- Those are started at once, side by side.

local core = require "kavach.core"
local backend = require "kavach.sandbox.backend"
local image = require "kavach.sandbox.image"
local qemus = require "kavach.sandbox.qemu"
local task = require "kavach.task"

local M = {}

local LOOK_MS <const> = 1000
local QUIT <const> = '{"execute":"qmp_capabilities"}\n{"execute":"quit"}\n'

-- The version in QMP's greeting (docs/interop/qmp-spec.txt of QEMU), which spares asking for it.
local function greeted(output)
  local greeting = require("kavach.json").decode(output:match "^[^\n]*" or "")
  local qmp = type(greeting) == "table" and greeting.QMP
  local version = type(qmp) == "table" and qmp.version
  local number = type(version) == "table" and version.qemu
  if type(number) ~= "table" then return nil end
  return ("%s.%s.%s"):format(number.major, number.minor, number.micro)
end

---Has QEMU build the machine of a backend, with the guest's kernel in it, and not start it. What it
---cannot take of the command line it says at once.
---@param qemu kavach.qemu
---@param files { kernel: string, initrd: string }
---@param name string of the backend
---@return { ok: boolean, why?: string, late?: boolean, version?: string }
local function try_machine(qemu, files, name)
  local argv, why = core.qemu_argv {
    backend = name, qemu = qemu.path, cpus = 2, memory_mb = 512, kernel = files.kernel,
    initrd = files.initrd,
  }
  if not argv then return { ok = false, why = why } end
  table.move({ "-S", "-qmp", "stdio" }, 1, 3, #argv + 1, argv)
  local result, failed = require("kavach.process").exec(argv,
    { program = qemu.program, stdin = QUIT, timeout_ms = LOOK_MS, grace_ms = 0,
      max_output = 64 * 1024, env = {} })
  if not result then return { ok = false, why = tostring(failed) } end
  if result.timed_out then
    return { ok = false, late = true, why = ("QEMU did not start within %d ms"):format(LOOK_MS) }
  end
  if result.exit_code == 0 then return { ok = true, version = greeted(result.stdout) } end
  local said = result.stderr:gsub("%s+$", ""):gsub("\n", "; ")
  return { ok = false, why = ("QEMU refuses kavach's machine: %s"):format(
    said ~= "" and said or ("exit code %d"):format(result.exit_code)) }
end

-- A function that waits for what is being looked at since now. More than one may wait.
local function start(look, ...)
  local running = task.spawn(function(...) return table.pack(look(...)) end, ...)
  local results
  return function()
    results = results or running:await()
    return table.unpack(results, 1, results.n)
  end
end

-- What there is of SEV-SNP. The QEMU that is there has been opened already.
local function look_snp(qemu)
  local snp = require "kavach.sandbox.snp"
  local machine = qemu and setmetatable({ find_qemu = function() return qemu end },
    { __index = snp.machine })
  return snp.look({}, true, machine or snp.machine)
end

local function ask_version(qemu, tcg)
  qemu.version = qemu.version or tcg and tcg().version
  return require("kavach.sandbox.version").ask(qemu)
end

---@param wanted string a backend, or "auto"
---@return kavach.doctor.seen
function M.new(wanted)
  local seen = { wanted = wanted }
  local qemu, why = qemus.find {}
  if qemu then qemu.answer_ms = LOOK_MS end
  seen.found_qemu, seen.no_qemu = qemu, why
  local files = image.find {}
  seen.found_files, seen.image_ok, seen.image_error = files, image.check(files)
  seen.kvm = start(backend.probe_kvm)
  seen.look_snp = start(look_snp, qemu)
  if qemu then
    seen.tcg = seen.image_ok and start(try_machine, qemu, files, "tcg")
    seen.ask_version = start(ask_version, qemu, seen.tcg)
  end
  ---What QEMU says to kavach's machine with KVM; only once it is known that KVM works.
  function seen.try_kvm() return try_machine(qemu, files, "kvm") end
  return seen
end

return M
