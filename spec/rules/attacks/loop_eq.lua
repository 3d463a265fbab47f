-- A loop in __eq.
-- why: its budget of steps is spent

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  local mt = { __eq = function() while true do end end }
  return setmetatable({}, mt) == setmetatable({}, mt)
end)
