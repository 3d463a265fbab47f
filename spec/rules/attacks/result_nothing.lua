-- A rule that returns nothing.
-- why: it returned nothing

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  local _ = e.now
end)
