-- A pattern with nested quantifiers.
-- why: there is no 'find' in string

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  return ("a"):find("a*a*a*a*a*a*a*a*b") == nil
end)
