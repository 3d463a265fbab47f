-- A variable that counts evaluations.
-- why: it returned false

policy "attack"

expect { simulated = "allowed" }

local count = 0

rule "attack" (function()
  count = count + 1
  return count > 1
end)
