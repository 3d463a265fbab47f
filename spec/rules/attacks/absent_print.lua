-- print.
-- why: there is no 'print' in a policy

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  return print ~= nil
end)
