-- A loop in __newindex.
-- why: its budget of steps is spent

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  local t = setmetatable({}, { __newindex = function() while true do end end })
  t.x = 1
  return true
end)
