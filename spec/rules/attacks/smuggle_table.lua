-- A table that remembers the evidence of before.
-- why: it returned false

policy "attack"

expect { simulated = "allowed" }

local seen = {}

rule "attack" (function(e)
  local before = seen[e.report.chip_id]
  seen[e.report.chip_id] = true
  return before == true
end)
