-- Another metatable for the evidence.
-- why: table expected

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  setmetatable(e, { __index = function() return 0 end })
  return true
end)
