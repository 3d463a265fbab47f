-- The same inside of pcall, which is to catch the end of the memory.
-- why: budget of

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  pcall(function()
    local t = {}
    for i = 1, math.huge do t[i] = { i } end
  end)
  return true
end)
