-- A rule that returns "true".
-- why: a string is not true

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  return "true"
end)
