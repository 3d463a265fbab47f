-- A number where names are.
-- why: report has fields by name, not a number

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  return e.report[1] == nil
end)
