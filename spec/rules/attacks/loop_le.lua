-- A loop in __le.
-- why: its budget of steps is spent

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  local mt = { __le = function() while true do end end }
  return setmetatable({}, mt) <= setmetatable({}, mt)
end)
