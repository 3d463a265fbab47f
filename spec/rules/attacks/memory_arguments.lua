-- A call with 10 000 arguments.
-- why: its stack is too deep

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  local t = {}
  for i = 1, 10000 do t[i] = i end
  while true do (function(...) return ... end)(table.unpack(t)) end
end)
