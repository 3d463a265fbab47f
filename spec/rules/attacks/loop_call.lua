-- A loop in __call.
-- why: its budget of steps is spent

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  local t = setmetatable({}, { __call = function() while true do end end })
  return t()
end)
