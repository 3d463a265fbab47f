-- A field of the evidence written.
-- why: report is read-only

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  e.report.vmpl = 0
  return true
end)
