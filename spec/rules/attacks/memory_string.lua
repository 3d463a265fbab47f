-- A text that doubles.
-- why: a string of more than 8192 bytes was to be made

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  local s = "x"
  while true do s = s .. s end
end)
