-- A loop in __len.
-- why: its budget of steps is spent

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  return #setmetatable({}, { __len = function() while true do end end })
end)
