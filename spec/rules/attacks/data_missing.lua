-- Data that was not given.
-- why: there is no data 'fleet'

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  return data.fleet[e.report.chip_id] == nil
end)
