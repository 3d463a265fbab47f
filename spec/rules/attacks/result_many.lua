-- A rule that returns as much as it can.
-- why: its stack is too deep

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  return table.unpack({}, 1, 50000)
end)
