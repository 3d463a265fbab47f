-- A rule that states another.
-- why: a policy states things when it is loaded

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  rule "mine" (function() return true end)
  return true
end)
