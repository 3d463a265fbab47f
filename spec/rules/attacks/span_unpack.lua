-- table.unpack over 1e15 places.
-- why: its budget of steps is spent

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  return select("#", table.unpack({}, 1, 1e15 // 1 | 0)) == 0
end)
