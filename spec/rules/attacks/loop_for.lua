-- A numeric loop over all integers.
-- why: its budget of steps is spent

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  for _ = 1, math.maxinteger do end
  return true
end)
