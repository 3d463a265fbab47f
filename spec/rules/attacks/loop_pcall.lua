-- A loop inside of pcall, which is to catch the end of the budget.
-- why: its budget of steps is spent

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  pcall(function() while true do end end)
  return true
end)
