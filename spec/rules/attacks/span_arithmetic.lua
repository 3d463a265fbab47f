-- The same by arithmetic.
-- why: attempt to perform arithmetic on a string value

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  local s = "1"
  while #s < 4096 do s = s .. s end
  while true do local _ = s + 1 end
end)
