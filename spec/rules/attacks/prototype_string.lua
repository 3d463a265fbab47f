-- The metatable of texts, to poison every method.
-- why: attempt to index a boolean value

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  getmetatable("").__index = { lower = function() return "mine" end }
  return true
end)
