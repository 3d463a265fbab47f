-- select with a great many arguments.
-- why: its budget of steps is spent

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  local t = {}
  for i = 1, 200 do t[i] = i end
  while true do select("#", table.unpack(t)) end
end)
