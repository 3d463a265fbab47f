-- A glob whose stars have a great many ways to match.
-- why: its budget of steps is spent

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  local s, p = "a", "*a"
  while #s < 4096 do s, p = s .. s, p .. p end
  while true do glob(s, p:sub(1, 4000) .. "*b") end
end)
