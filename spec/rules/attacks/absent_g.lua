-- _G.
-- why: there is no '_G' in a policy

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  return _G ~= nil
end)
