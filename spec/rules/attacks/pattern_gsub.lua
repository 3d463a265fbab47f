-- gsub, which calls functions from C.
-- why: there is no 'gsub' in string

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  return ("x"):gsub(".", function() while true do end end)
end)
