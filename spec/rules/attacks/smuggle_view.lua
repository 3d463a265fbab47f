-- The evidence of before, kept.
-- why: it returned false

policy "attack"

expect { simulated = "allowed" }

local kept

rule "attack" (function(e)
  local before = kept
  kept = e
  return before ~= nil
end)
