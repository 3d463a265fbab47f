-- A reason that is no UTF-8, with a NUL.
-- why: \xff\xfe

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  return false, "\xff\xfe\0"
end)
