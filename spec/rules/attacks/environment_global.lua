-- A global of its own, to remember things by.
-- why: a policy has no globals of its own

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  counter = 1
  return true
end)
