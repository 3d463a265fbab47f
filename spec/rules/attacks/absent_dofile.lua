-- dofile.
-- why: there is no 'dofile' in a policy

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  return dofile ~= nil
end)
