-- The same in an error.
-- why: \x1b]0;mine\x07

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  error("\27]0;mine\7", 0)
end)
