-- A loop in __concat.
-- why: its budget of steps is spent

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  return setmetatable({}, { __concat = function() while true do end end }) .. ""
end)
