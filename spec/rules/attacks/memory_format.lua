-- A long text by string.format.
-- why: a string of more than 8192 bytes was to be made

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  local s = "x"
  while #s < 4096 do s = s .. s end
  return #("%s%s%s"):format(s, s, s) > 0
end)
