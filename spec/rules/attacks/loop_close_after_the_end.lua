-- A __close that takes over when the budget is spent.
-- why: its budget of steps is spent

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  do
    local _ <close> = setmetatable({}, { __close = function() while true do end end })
    while true do end
  end
  return true
end)
