-- SEV-SNP guests: what they are launched with, and what of a host they need.

local core = require "kavach.core"
local guest_policy = require "kavach.guest_policy"
local ovmf = require "kavach.sandbox.ovmf"
local qemu = require "kavach.sandbox.qemu"
local snp = require "kavach.snp"

local M = {}

local PROBE_MS <const> = 1000
local PARAMETER <const> = "/sys/module/kvm_amd/parameters/sev_snp"
local SMT <const> = "/sys/devices/system/cpu/smt/active"

-- ---- what a guest is launched with -------------------------------------------------------------

---The guest policy of a launch.
---@param config table checked
---@param dialect "upstream"|"seed"
---@return integer bits
function M.policy(config, dialect)
  if config.guest_policy then return config.guest_policy end
  return dialect == "seed" and guest_policy.hardened():to_bits() or snp.SEV_SNP_POLICY
end

local function base64(bytes) return bytes and snp.base64(bytes) end

---What core.qemu_argv is told of it.
---@param config table checked
---@param chosen { dialect: string, firmware: string? }
---@return table
function M.launch(config, chosen)
  return {
    dialect = chosen.dialect, policy = M.policy(config, chosen.dialect), cbit = snp.CBIT_POS,
    cpu_model = config.cpu_model, firmware = chosen.firmware,
    host_data = base64(config.host_data), id_block = base64(config.id_block),
    id_auth = base64(config.id_auth), author_key_enabled = config.author_key_enabled,
    vcek_disabled = config.vcek_disabled,
  }
end

---The same where nothing can be launched: the dialect of the QEMU there is, else upstream.
---@param config table checked
---@return table
function M.dry_launch(config)
  local dialect = config.dialect
  if not dialect then
    local found = qemu.find { qemu_path = config.qemu_path }
    dialect = found and qemu.dialect(found) or "upstream"
  end
  local launch = M.launch(config, { dialect = dialect, firmware = ovmf.find(config.firmware) })
  launch.bare = dialect == "seed"
  return launch
end

-- ---- what it needs of a host -------------------------------------------------------------------

local function read_line(path)
  local file <close>, why = io.open(path, "rb")
  if not file then return nil, why end
  local line, unreadable = file:read "l"
  return line, unreadable or path .. ": it is empty"
end

-- What is asked of a machine; specs put one of their own in its place.
---@class kavach.snp.machine
M.machine = {
  cpu_sev = core.cpu_sev,
  ---The parameter of KVM's module, "Y" if it can run SNP guests; or nil and why not.
  kvm_snp = function() return read_line(PARAMETER) end,
  open_kvm = function()
    local file, why = io.open("/dev/kvm", "r+b")
    if file then file:close() end
    return file ~= nil, why
  end,
  ---Has the firmware tell its status, in a process of its own: it may take long.
  run_sev_probe = function()
    return require("kavach.process").exec({ core.helper_dir() .. "/sev-probe" },
      { timeout_ms = PROBE_MS, grace_ms = 0, env = {} })
  end,
  smt = function()
    local line = read_line(SMT)
    return line and line == "1"
  end,
  find_qemu = qemu.find,
  dialect = qemu.dialect,
  check_ovmf = ovmf.check,
}

---The firmware's status.
---@param machine kavach.snp.machine
---@return kavach.snp_status?
---@return string? why
function M.status(machine)
  local result, failed = machine.run_sev_probe()
  if not result then return nil, tostring(failed) end
  if result.timed_out then
    return nil, ("/dev/sev: the firmware did not answer within %d ms"):format(PROBE_MS)
  end
  local said = (result.stdout .. result.stderr):gsub("%s+$", "")
  local bytes = result.exit_code == 0 and snp.unhex(said)
  local status = bytes and require("kavach.sandbox.snp_status").parse(bytes)
  if status then return status end
  return nil, said ~= "" and said or "/dev/sev: the firmware does not tell its SNP status"
end

-- Each of these returns nothing; or what is missing, what to do about it, and the command that does
-- it, if there is one.

---@param found kavach.snp.found
local function cpu(machine, _, found)
  found.cpu = machine.cpu_sev()
  if found.cpu.snp then return nil end
  return "the processor has no SEV-SNP", "an AMD EPYC 7003 or later is needed, with SEV-SNP turned "
    .. "on in the firmware's setup, and no hypervisor below that hides it"
end

local ENABLE <const> = "turn SEV-SNP on in the firmware's setup, and use Linux 6.11 or later with "
  .. "kvm_amd's parameter sev_snp=1"

local LET_OPEN <const> = "let this user open it"

local function kvm(machine)
  local value, why = machine.kvm_snp()
  if value ~= "Y" then
    return ("KVM cannot run SNP guests (%s)"):format(
      value and ("%s is %s"):format(PARAMETER, value) or tostring(why)), ENABLE
  end
  local opened
  opened, why = machine.open_kvm()
  if not opened then return tostring(why), LET_OPEN end
end

local function device(machine, _, found)
  local status, why = M.status(machine)
  if not status then
    local denied = why:find("Permission denied", 1, true)
    if denied then return why, LET_OPEN end
    return why, "load its driver (sudo modprobe ccp)", "sudo modprobe ccp"
  end
  found.status = status
  if not status.initialised then
    return ("the SEV firmware (ABI %d.%d) is not set up for SNP"):format(status.api_major,
      status.api_minor), ENABLE
  end
end

local function emulator(machine, config, found)
  local why
  found.qemu, why = machine.find_qemu(config)
  if not found.qemu then return tostring(why) end
  found.dialect = config.dialect
  if found.dialect then return nil end
  found.dialect, why = machine.dialect(found.qemu)
  if not found.dialect then return why, qemu.INSTALL_SNP, qemu.INSTALL_SNP_COMMAND end
end

local function firmware(machine, config, found)
  found.firmware = ovmf.find(config.firmware)
  local ok, why = machine.check_ovmf(found.firmware)
  if not ok then return why, ovmf.INSTALL end
end

local function policy(machine, config, found)
  if not found.status then return nil end
  local bits = M.policy(config, found.dialect or "upstream")
  local refusals = require("kavach.sandbox.guest_policy_fit")(bits, {
    api_major = found.status.api_major, api_minor = found.status.api_minor, smt = machine.smt(),
    rapl_disabled = found.status.rapl_disabled,
    ciphertext_hiding = found.status.ciphertext_hiding,
  })
  if #refusals == 0 then return nil end
  return ("the firmware refuses the guest policy 0x%x: %s"):format(bits,
    table.concat(refusals, ", ")), "choose another guest_policy"
end

-- What can be told at once stands first. `row` is what `kavach doctor` calls it.
M.NEEDS = {
  { name = "cpu", row = "snp-cpu", look = cpu }, { name = "kvm", row = "snp-kvm", look = kvm },
  { name = "device", row = "snp-firmware", look = device },
  { name = "qemu", row = "snp-qemu", look = emulator },
  { name = "firmware", row = "snp-ovmf", look = firmware },
  { name = "policy", row = "snp-policy", look = policy },
}

---@class kavach.snp.found what is there, as far as it is
---@field cpu table?
---@field status kavach.snp_status?
---@field qemu kavach.qemu?
---@field dialect string?
---@field firmware string?
---@field missing table<string, { found: string, advice: string?,
--- command: string? }> by the name of the need

---Looks at what a launch with this configuration needs.
---@param config table
---@param all boolean look at everything, even if something is missing already
---@param machine? kavach.snp.machine
---@return kavach.snp.found found
---@return string[] missing nothing of it if the launch can be tried
function M.look(config, all, machine)
  machine = machine or M.machine
  local found, missing = { missing = {} }, {}
  for _, need in ipairs(M.NEEDS) do
    local why, advice, command = need.look(machine, config, found)
    if why then
      found.missing[need.name] = { found = why, advice = advice, command = command }
      missing[#missing + 1] = advice and ("%s: %s"):format(why, advice) or why
      if not all then break end
    end
  end
  return found, missing
end

return M
