-- loadfile.
-- why: there is no 'loadfile' in a policy

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  return loadfile ~= nil
end)
