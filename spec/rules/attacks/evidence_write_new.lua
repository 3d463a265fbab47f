-- A field added to the evidence.
-- why: the evidence is read-only

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  e.allowed = true
  return true
end)
