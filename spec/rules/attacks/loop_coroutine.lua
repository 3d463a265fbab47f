-- A loop in a coroutine, where another hook would be needed.
-- why: there is no 'coroutine' in a policy

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  return coroutine.wrap(function() while true do end end)()
end)
