-- The same, caught, again and again.
-- why: its stack is too deep

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  local function f() return 1 + f() end
  while true do pcall(f) end
end)
