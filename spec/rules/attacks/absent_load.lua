-- load.
-- why: there is no 'load' in a policy

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  return load ~= nil
end)
