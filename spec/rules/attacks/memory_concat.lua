-- A long text by table.concat.
-- why: a string of more than 8192 bytes was to be made

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  local t = {}
  for i = 1, 1000 do t[i] = "xxxxxxxxxxxxxxxx" end
  return #table.concat(t) > 0
end)
