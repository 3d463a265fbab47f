-- Firmware that has the fixes we ask for, by product line. Raise the floors when AMD's bulletins
-- do; a product line that is not here is refused.
policy "TCB floor"
version "2026-07"
description "firmware floors of Milan, Genoa and Turin, at launch and now"

local floors = {
  Milan = { snp = { min = 23 }, microcode = { min = 213 } },
  Genoa = { snp = { min = 22 }, microcode = { min = 84 } },
  Turin = { fmc = { min = 1 }, snp = { min = 4 }, microcode = { min = 81 } },
}

expect { tcb = floors, launch_tcb = floors, provisional = "forbidden" }

-- Memory that is aliased by a bad DIMM defeats encryption (CVE-2024-21944).
rule "memory was checked for aliases" (function(e)
  return e.platform.ALIAS_CHECK_COMPLETE == true, "the firmware did not check it"
end)
