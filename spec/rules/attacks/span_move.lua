-- table.move over 1e15 places.
-- why: its budget of steps is spent

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  table.move({}, 1, 1e15 // 1 | 0, 2)
  return true
end)
