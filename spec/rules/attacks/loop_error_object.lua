-- An error whose __tostring never ends.
-- why: an error that is a table

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  error(setmetatable({}, { __tostring = function() while true do end end }))
end)
