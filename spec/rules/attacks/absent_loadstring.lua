-- loadstring, of older versions.
-- why: there is no 'loadstring' in a policy

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  return loadstring "return true"()
end)
