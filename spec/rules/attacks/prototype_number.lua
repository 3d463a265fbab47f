-- A metatable for numbers.
-- why: table expected

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  setmetatable(0, { __index = {} })
  return true
end)
