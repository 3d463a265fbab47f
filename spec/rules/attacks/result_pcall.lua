-- The results of pcall, whose first is true whatever its function says.
-- why: true and a boolean is not true

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  return pcall(function() return false end)
end)
