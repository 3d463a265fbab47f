-- The library debug.
-- why: there is no 'debug' in a policy

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  return debug ~= nil
end)
