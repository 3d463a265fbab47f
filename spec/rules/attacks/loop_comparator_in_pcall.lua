-- The same inside of pcall.
-- why: its budget of steps is spent

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  pcall(table.sort, { 2, 1 }, function() while true do end end)
  return true
end)
