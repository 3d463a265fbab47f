-- What runs guests here: sev-snp, kvm, tcg.

local core = require "kavach.core"
local backend = require "kavach.sandbox.backend"
local console = require "kavach.sandbox.console"

local M = {}

local START_MS <const> = 5000
local QUIT <const> = '{"execute":"qmp_capabilities"}\n{"execute":"quit"}\n'

-- Has QEMU build the machine of this backend, with the guest's kernel in it, and not start it. What
-- it cannot take of the command line it says at once.
local function try_machine(name, seen)
  local argv, why = core.qemu_argv {
    backend = name, qemu = seen.qemu, cpus = 2, memory_mb = 512,
    kernel = seen.files.kernel, initrd = seen.files.initrd,
  }
  if not argv then return false, why end
  table.move({ "-S", "-qmp", "stdio" }, 1, 3, #argv + 1, argv)
  local result, failed = require("kavach.process").exec(argv,
    { stdin = QUIT, timeout_ms = START_MS, grace_ms = 0, max_output = 64 * 1024, env = {} })
  if not result then return false, tostring(failed) end
  if result.timed_out then return false, ("QEMU did not start within %d ms"):format(START_MS) end
  if result.exit_code == 0 then return true end
  local said = console.printable((result.stderr:gsub("%s+$", ""):gsub("\n", "; ")))
  return false, ("QEMU refuses kavach's machine: %s"):format(
    said ~= "" and said or ("exit code %d"):format(result.exit_code))
end

local VIRTUALISATION <const> = "turn on virtualisation in the firmware's setup; if this machine is "
  .. "a VM itself, nested virtualisation in its hypervisor"

-- What helps depends on how far it goes.
local function kvm_advice(why)
  local machine = backend.machine
  if not machine.cpu_has_virt() then
    if machine.open_kvm() then
      why = why .. "; that /dev/kvm opens all the same proves nothing"
    end
    return why, VIRTUALISATION
  end
  if why:find("Permission denied", 1, true) then
    return why, "join the group kvm (sudo adduser \"$USER\" kvm), and log in again"
  elseif why:find("No such file", 1, true) then
    return why, "load the driver (sudo modprobe kvm_amd, or kvm_intel), or " .. VIRTUALISATION
  end
  return why, "guests would not run, or crawl: " .. VIRTUALISATION
end

---@param seen kavach.doctor.seen
function M.kvm(seen)
  local works, why = backend.probe_kvm()
  if not works then
    local found, advice = kvm_advice(why)
    return false, console.printable(found), advice
  end
  if seen.qemu and seen.files then
    works, why = try_machine("kvm", seen)
    if not works then return false, why, "use a QEMU that has KVM built in" end
    seen.backend = "kvm"
  end
  return true, "works: a VM of one instruction ran within a second"
end

M["sev-snp"] = function()
  local device, why = io.open("/dev/sev", "r+b")
  if device then device:close() end
  return false, ("this version of kavach cannot launch SEV-SNP guests; %s"):format(
    device and "/dev/sev is there" or tostring(why)),
    "run without it (the backends tcg and kvm are not confidential)"
end

---@param seen kavach.doctor.seen
function M.tcg(seen)
  if not seen.qemu then return false, "there is no QEMU to run one", "see qemu" end
  if not seen.files then return false, "there is no guest to run", "see guest" end
  local ok, why = try_machine("tcg", seen)
  if not ok then
    return false, why, "use the QEMU of Debian's package qemu-system-x86, with TCG built in"
  end
  seen.backend = seen.backend or "tcg"
  return true, "works: the processor is emulated, which any machine can do"
end

return M
