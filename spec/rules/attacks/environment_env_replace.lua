-- _ENV replaced, to have functions of one's own.
-- why: attempt to call a nil value

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  local _ENV = {}
  return pcall(error)
end)
