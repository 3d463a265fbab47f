-- The same by _ENV.
-- why: a policy has no globals of its own

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  _ENV.counter = 1
  return true
end)
