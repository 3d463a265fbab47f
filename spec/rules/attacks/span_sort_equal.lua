-- A long sort of long texts that differ in their last byte.
-- why: its budget of steps is spent

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  local a, b, t = ("a"):reverse(), "", {}
  while #a < 8000 do a = a .. a:sub(1, 8000 - #a) end
  b = a .. "b"
  for i = 1, 30000 do t[i] = i % 2 == 0 and a or b end
  table.sort(t)
  return true
end)
