-- pairs over a large table, again and again.
-- why: its budget of steps is spent

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  local t = {}
  for i = 1, 10000 do t[i] = i end
  while true do for _ in pairs(t) do break end end
end)
