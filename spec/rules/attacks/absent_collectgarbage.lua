-- collectgarbage.
-- why: there is no 'collectgarbage' in a policy

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  return collectgarbage ~= nil
end)
