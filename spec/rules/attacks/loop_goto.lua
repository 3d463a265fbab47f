-- The same, by goto.
-- why: its budget of steps is spent

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  ::again::
  goto again
end)
