-- table.unpack over all integers.
-- why: its budget of steps is spent

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  return select("#", table.unpack({}, math.mininteger, math.maxinteger)) == 0
end)
