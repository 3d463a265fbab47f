-- A loop in __tostring, by string.format.
-- why: its budget of steps is spent

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  return ("%s"):format(setmetatable({}, { __tostring = function() while true do end end }))
end)
