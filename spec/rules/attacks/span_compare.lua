-- Long texts compared, again and again.
-- why: its budget of steps is spent

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  local s = "a"
  while #s < 4096 do s = s .. s end
  local one, two = s .. "x", s .. "y"
  while true do local _ = one < two end
end)
