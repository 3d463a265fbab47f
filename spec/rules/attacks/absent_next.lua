-- next.
-- why: there is no 'next' in a policy

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  return next ~= nil
end)
