-- A reason of 8 000 bytes.
-- why: xxxxxxxx

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  local s = "x"
  while #s < 4096 do s = s .. s end
  return false, s
end)
