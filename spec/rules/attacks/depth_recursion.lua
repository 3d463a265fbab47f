-- Recursion without an end.
-- why: its stack is too deep

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  local function f() return 1 + f() end
  return f()
end)
