-- The library io.
-- why: there is no 'io' in a policy

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  return io ~= nil
end)
