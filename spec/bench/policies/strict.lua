-- What policy.strict() asks for, as rules: for the benchmark of rules.

policy "strict as rules"

local MASKED = ""
for _ = 1, 128 do MASKED = MASKED .. "0" end

rule "VMPL 0" (function(e) return e.report.vmpl == 0 end)
rule "no debug" (function(e) return not e.guest_policy.debug_allowed end)
rule "no migration agent" (function(e) return not e.guest_policy.migration_agent_allowed end)
rule "no CXL" (function(e) return not e.guest_policy.cxl_allowed end)
rule "the chip has a name" (function(e)
  return e.signed_by == "vlek" or e.report.chip_id ~= MASKED
end)
rule "no bits of unknown meaning" (function(e) return e.platform.unknown_bits == 0 end)
rule "SVN" (function(e) return e.report.guest_svn >= 0 end)
rule "required bits" (function(e) return e.report.policy & 0x20000 == 0x20000 end)
rule "ABI" (function(e)
  local p = e.guest_policy
  return p.abi_major > 0 or p.abi_major == 0 and p.abi_minor >= 0
end)
rule "TCB" (function(e)
  return e.tcb.reported.snp >= 0 and e.tcb.committed.snp >= 0
end)
