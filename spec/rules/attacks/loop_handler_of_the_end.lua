-- A handler that waits for the end of the budget itself.
-- why: its budget of steps is spent

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  xpcall(function() while true do end end, function() while true do end end)
  return true
end)
