-- A long text made longer, again and again.
-- why: its budget of steps is spent

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  local s = "a"
  while #s < 4096 do s = s .. s end
  while true do local _ = s .. "x" end
end)
