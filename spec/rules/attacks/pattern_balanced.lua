-- %b over many opening brackets.
-- why: there is no 'match' in string

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  return ("(((("):match("%b()")
end)
