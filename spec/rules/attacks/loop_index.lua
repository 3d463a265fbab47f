-- A loop in __index.
-- why: its budget of steps is spent

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  local t = setmetatable({}, { __index = function() while true do end end })
  return t.x
end)
