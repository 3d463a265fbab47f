-- The library package.
-- why: there is no 'package' in a policy

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  return package ~= nil
end)
