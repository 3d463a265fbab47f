-- pcall of pcall of pcall.
-- why: its budget of steps is spent

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  local function f() return pcall(f) end
  while true do f() end
end)
