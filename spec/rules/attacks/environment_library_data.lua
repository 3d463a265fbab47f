-- A constant replaced.
-- why: math is read-only

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  math.pi = 3
  return true
end)
