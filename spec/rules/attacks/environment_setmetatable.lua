-- Another metatable for a library.
-- why: cannot change a protected metatable

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  setmetatable(string, {})
  return true
end)
