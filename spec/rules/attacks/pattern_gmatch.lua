-- gmatch.
-- why: there is no 'gmatch' in string

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  for _ in ("x"):gmatch(".") do end
  return true
end)
