-- A finaliser that never ends.
-- why: a policy's metatables have no __gc

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  setmetatable({}, { __gc = function() while true do end end })
  return true
end)
