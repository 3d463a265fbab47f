-- An error that is nil.
-- why: an error that is a nil

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  error(nil)
end)
