-- All that a function was called with, copied by one instruction, again and again.
-- why: its budget of steps is spent

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  local t = {}
  for i = 1, 1000 do t[i] = i end
  local function copy(...)
    while true do local _ = math.max(...) end
  end
  copy(table.unpack(t))
end)
