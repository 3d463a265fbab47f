-- rawget.
-- why: there is no 'rawget' in a policy

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  return rawget ~= nil
end)
