-- string.rep with a huge count.
-- why: there is no 'rep' in string

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  return ("x"):rep(1 << 40)
end)
