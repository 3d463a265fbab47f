-- The metatable of the evidence.
-- why: attempt to index a boolean value

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  getmetatable(e).__index = function() return 0 end
  return true
end)
