-- The metatable of the environment.
-- why: attempt to index a boolean value

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  getmetatable(_ENV).__index = nil
  return true
end)
