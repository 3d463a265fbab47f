-- tonumber of a long text, again and again.
-- why: its budget of steps is spent

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  local s = "1"
  while #s < 4096 do s = s .. s end
  while true do tonumber(s) end
end)
