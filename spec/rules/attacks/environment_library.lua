-- A function of a library replaced.
-- why: string is read-only

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  string.lower = function() return "mine" end
  return true
end)
