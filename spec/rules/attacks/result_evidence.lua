-- The evidence itself.
-- why: a userdata is not true

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  return e
end)
