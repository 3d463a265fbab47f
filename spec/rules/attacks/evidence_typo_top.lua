-- The same at the top.
-- why: the evidence has no field 'singed_by' (did you mean 'signed_by'?)

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  return e.singed_by ~= "vlek"
end)
