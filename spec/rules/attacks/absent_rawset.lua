-- rawset.
-- why: there is no 'rawset' in a policy

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  return rawset ~= nil
end)
