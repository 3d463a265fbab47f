-- A loop in __add.
-- why: its budget of steps is spent

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  return setmetatable({}, { __add = function() while true do end end }) + 1
end)
