-- A rule that returns as much as it can.
-- why: it returned nothing

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  return table.unpack({}, 1, 50000)
end)
