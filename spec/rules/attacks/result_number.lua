-- A rule that returns 1.
-- why: a number is not true

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  return 1
end)
