-- Which backend a sandbox gets: the best that really works here.

local core = require "kavach.core"
local err = require "kavach.err"

local backend = {}

local PROBE_MS <const> = 1000

-- What the choice looks at; specs put a machine of their own here.
---@class kavach.backend.machine
---@field snp? kavach.snp.machine what sev-snp looks at; nil: this machine
backend.machine = {
  cpu_has_virt = core.cpu_has_virt,
  cpu_sev = core.cpu_sev,
  ---Whether the device can be opened, and if not, why.
  open_kvm = function()
    local file, why = io.open("/dev/kvm", "r+b")
    if file then file:close() end
    return file ~= nil, why
  end,
  ---Runs a VM of one instruction in a process of its own: the kernel may hang in it.
  run_probe = function()
    return require("kavach.process").exec({ core.helper_dir() .. "/kvm-probe" },
      { timeout_ms = PROBE_MS, grace_ms = 0, env = {} })
  end,
}

---Whether KVM works, and if not, why.
---@param machine? kavach.backend.machine
---@return boolean works
---@return string? why
function backend.probe_kvm(machine)
  machine = machine or backend.machine
  if not machine.cpu_has_virt() then
    return false, "the processor has neither svm nor vmx, so KVM would crawl or not run at all"
  end
  local opened, why = machine.open_kvm()
  if not opened then return false, tostring(why) end
  local result, failed = machine.run_probe()
  if not result then return false, tostring(failed) end
  if result.timed_out then
    return false, ("a VM of one instruction did not finish within %d ms"):format(PROBE_MS)
  end
  if result.exit_code ~= 0 then
    local said = (result.stdout .. result.stderr):gsub("%s+$", "")
    return false, said ~= "" and said or "a VM of one instruction did not run"
  end
  return true
end

local function unavailable(name, why)
  return err.fail("backend_unavailable", ("backend '%s': %s"):format(name, why),
    { op = "sandbox", backend = name })
end

---@class kavach.backend.choice
---@field name "sev-snp"|"kvm"|"tcg"
---@field passed_over { backend: string, reason: string }[] the better ones, and why not they
---@field snp? kavach.snp.found for sev-snp: the QEMU, its dialect, the firmware

---Whether sev-snp works. What does not even begin to is told without loading more.
---@param config table
---@param machine kavach.backend.machine
---@param all boolean tell everything that is missing, not only the first
---@return kavach.snp.found?
---@return string? why
local function probe_snp(config, machine, all)
  if not all and not machine.cpu_sev().snp then return nil, "the processor has no SEV-SNP" end
  local found, missing = require("kavach.sandbox.snp").look(config, all, machine.snp)
  if #missing == 0 then return found end
  return nil, table.concat(missing, "; ")
end

-- The best there is.
local function choose_best(machine, config)
  local found, why = probe_snp(config, machine, false)
  if found then return { name = "sev-snp", passed_over = {}, snp = found } end
  local passed_over = { { backend = "sev-snp", reason = why } }
  local works
  works, why = backend.probe_kvm(machine)
  if works then return { name = "kvm", passed_over = passed_over } end
  passed_over[2] = { backend = "kvm", reason = why }
  return { name = "tcg", passed_over = passed_over }
end

---Chooses. Asks the machine no more than it must.
---@param wanted string "auto" or a backend
---@param confidential? "required"|"preferred"
---@param machine? kavach.backend.machine
---@param config? table the sandbox's options, of which sev-snp needs some
---@return kavach.backend.choice? choice
---@return kavach.Error?
function backend.choose(wanted, confidential, machine, config)
  machine = machine or backend.machine
  if confidential == "required" and wanted ~= "auto" and wanted ~= "sev-snp" then
    return unavailable(wanted, "confidential = \"required\": only sev-snp is confidential")
  end
  if wanted == "sev-snp" or confidential == "required" then
    local found, why = probe_snp(config or {}, machine, true)
    if found then return { name = "sev-snp", passed_over = {}, snp = found } end
    return unavailable("sev-snp", why)
  end
  if wanted == "tcg" then return { name = "tcg", passed_over = {} } end
  if wanted == "auto" then return choose_best(machine, config or {}) end
  local works, why = backend.probe_kvm(machine)
  if works then return { name = "kvm", passed_over = {} } end
  return unavailable(wanted, why)
end

return backend
