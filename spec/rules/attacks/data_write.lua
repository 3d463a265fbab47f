-- Data that is written to.
-- why: data is read-only

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  data.fleet = {}
  return true
end)
