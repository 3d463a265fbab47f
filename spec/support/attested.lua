--- Evidence for specs of decisions: a platform emulator's, and reports that nobody signed.

local attest = require "kavach.attest"
local host = require "support.host"
local platforms = require "support.platforms"
local report = require "kavach.report"
local snp = require "kavach.snp"

local M = {}

--- When the platforms' certificates begin, and a time at which they are valid.
M.BEGIN, M.NOW = 1700000000, 1710000000

M.NONCE = ("\x5a"):rep(63) .. "\xa5"

--- A platform emulator in a folder of its own: it and a function that removes it.
---@param product string
function M.platform(product)
  local folder, remove = host.folder()
  local made = assert(attest.emulator.init {
    dir = folder .. "/platform", product = product, not_before = M.BEGIN,
    keys = platforms.authority_keys(),
  })
  return made, remove
end

--- The bytes of a report of version 5 of a Milan, not signed; `changes` are fields by name,
--- false for none.
function M.bytes(changes)
  local fields = {
    version = 5, policy = 0x30000, vmpl = 0, signature_algo = 1, platform_info = 0x25,
    cpuid_fam_id = 0x19, cpuid_mod_id = 1, cpuid_step = 1, chip_id = ("\x77"):rep(64),
    report_data = M.NONCE, current_major = 1, current_minor = 55, current_build = 29,
    committed_major = 1, committed_minor = 55, committed_build = 29,
  }
  local tcb = M.tcb { boot_loader = 4, tee = 0, snp = 24, microcode = 219 }
  for _, which in ipairs { "reported", "committed", "current", "launch" } do
    fields[which .. "_tcb"] = tcb
  end
  for name, value in pairs(changes or {}) do fields[name] = value or nil end
  return snp.report_bytes(fields)
end

--- A Milan's TCB_VERSION.
function M.tcb(parts) return snp.tcb_write("Milan", parts) end

--- The same as a kavach.Report.
function M.report(changes) return assert(report.parse(M.bytes(changes))) end

--- The check of a decision by its id; an error if there is none.
function M.check(decision, id)
  for _, check in ipairs(decision.checks) do
    if check.id == id then return check end
  end
  error("no check " .. id, 2)
end

--- The ids of the checks that keep a decision from allowing, in one text. With any, it does not.
function M.reasons(decision)
  local ids = {}
  for i, check in ipairs(decision:reasons()) do ids[i] = check.id end
  assert(#ids == 0 or not decision.allow, "allowed in spite of its reasons")
  return table.concat(ids, " ")
end

return M
