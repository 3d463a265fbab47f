-- A call with a million arguments.
-- why: its budget of steps is spent

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  local t = {}
  for i = 1, 100000 do t[i] = i end
  while true do (function(...) return ... end)(table.unpack(t)) end
end)
