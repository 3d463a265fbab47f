-- A loop in __close.
-- why: its budget of steps is spent

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  local _ <close> = setmetatable({}, { __close = function() while true do end end })
  return true
end)
