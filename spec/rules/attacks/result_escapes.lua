-- A reason with escapes for a terminal.
-- why: \x1b[2Jall is well

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  return false, "\27[2Jall is well"
end)
