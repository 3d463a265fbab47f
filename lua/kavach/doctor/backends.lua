-- What runs guests here beside sev-snp (snp.lua): kvm, tcg.

local backend = require "kavach.sandbox.backend"
local row = require "kavach.doctor.row"

local M = {}

local VIRTUALISATION <const> = "turn on virtualisation in the firmware's setup; if this machine is "
  .. "a VM itself, nested virtualisation in its hypervisor"

-- What helps depends on how far it goes.
local function no_kvm(why)
  local machine = backend.machine
  if not machine.cpu_has_virt() then
    if machine.open_kvm() then
      why = why .. "; that /dev/kvm opens all the same proves nothing"
    end
    return row.missing(why, { advice = VIRTUALISATION })
  end
  if why:find("Permission denied", 1, true) then
    return row.missing(why, { command = "sudo adduser \"$USER\" kvm",
      advice = "then log in again" })
  elseif why:find("No such file", 1, true) then
    return row.missing(why, { command = "sudo modprobe -a kvm_amd kvm_intel",
      advice = "if that does not help, " .. VIRTUALISATION })
  end
  return row.missing(why, { advice = "guests would not run, or crawl: " .. VIRTUALISATION })
end

-- The one asked for, or the first that works.
local function works(seen, name, found)
  if seen.wanted == name or seen.wanted == "auto" then seen.backend = seen.backend or name end
  return row.ok("works: " .. found)
end

local NO_TRIAL <const> = {
  advice = "the machine is busy, or QEMU hangs: kavach doctor --probe tells which",
}

---@param seen kavach.doctor.seen
function M.kvm(seen)
  local fine, why = seen.kvm()
  if not fine then return no_kvm(why) end
  if not seen.qemu or not seen.files then
    return row.missing("there is no QEMU or no guest to run", { advice = "see above" })
  end
  local trial = seen.try_kvm()
  if trial.late then return row.warning(trial.why, NO_TRIAL) end
  if not trial.ok then
    return row.missing(trial.why, { advice = "use a QEMU that has KVM built in" })
  end
  return works(seen, "kvm", "a VM of one instruction ran within a second")
end

---@param seen kavach.doctor.seen
function M.tcg(seen)
  if not seen.qemu then
    return row.missing("there is no QEMU to run one", { advice = "see qemu" })
  end
  if not seen.files then
    return row.missing("there is no guest to run", { advice = "see kernel and image" })
  end
  local trial = seen.tcg()
  if trial.late then
    seen.backend = seen.backend or (seen.wanted ~= "kvm" and "tcg" or nil)
    return row.warning(trial.why, NO_TRIAL)
  end
  if not trial.ok then
    return row.missing(trial.why, { command = "apt install qemu-system-x86" })
  end
  return works(seen, "tcg", "the processor is emulated, which any machine can do")
end

return M
