-- A loop in __tostring, by tostring.
-- why: its budget of steps is spent

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  return tostring(setmetatable({}, { __tostring = function() while true do end end }))
end)
