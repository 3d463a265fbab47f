-- utf8.len of a long text, again and again.
-- why: its budget of steps is spent

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  local s = "é"
  while #s < 8000 do s = s .. s:sub(1, 4000) end
  while true do utf8.len(s) end
end)
