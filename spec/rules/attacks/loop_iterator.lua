-- An iterator that never ends.
-- why: its budget of steps is spent

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  for _ in function() return 1 end do end
  return true
end)
