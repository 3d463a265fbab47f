-- table.insert into the evidence.
-- why: table expected

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  table.insert(e.certificates, {})
  return true
end)
