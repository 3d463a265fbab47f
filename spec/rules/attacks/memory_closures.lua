-- Closures without an end.
-- why: budget of

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  local f
  while true do
    local g = f
    f = function() return g end
  end
end)
