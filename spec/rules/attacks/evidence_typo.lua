-- A field that is not there, by a slip.
-- why: report has no field 'measurment' (did you mean 'measurement'?)

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  return e.report.measurment ~= ""
end)
