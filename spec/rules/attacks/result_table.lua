-- A table that would compare as true.
-- why: a table is not true

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  return setmetatable({}, { __eq = function() return true end, __tostring = function() return "true" end })
end)
