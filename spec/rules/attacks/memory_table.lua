-- A table without an end.
-- why: budget of

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  local t = {}
  for i = 1, math.huge do t[i] = {} end
end)
