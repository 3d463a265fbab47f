-- The library os.
-- why: there is no 'os' in a policy

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  return os ~= nil
end)
