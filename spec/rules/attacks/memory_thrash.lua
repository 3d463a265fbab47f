-- A full memory, and garbage that forces a collection each time.
-- why: budget of

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  local t = {}
  for i = 1, 100000 do t[i] = { i } end
  while true do local _ = { {}, {}, {}, {} } end
end)
