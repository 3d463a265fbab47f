-- The same by %p.
-- why: there is no '%p' in a policy

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  return ("%p"):format({}) ~= nil
end)
