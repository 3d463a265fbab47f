-- A long text read as a number, again and again.
-- why: attempt to perform bitwise operation on a string value

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  local s = "0"
  while #s < 4096 do s = s .. s end
  s = "0x" .. s
  while true do local _ = s | 1 end
end)
