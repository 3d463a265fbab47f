-- warn.
-- why: there is no 'warn' in a policy

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  return warn ~= nil
end)
