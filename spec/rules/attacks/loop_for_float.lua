-- A loop whose steps are too small to move it.
-- why: its budget of steps is spent

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  for _ = 1e300, math.huge do end
  return true
end)
