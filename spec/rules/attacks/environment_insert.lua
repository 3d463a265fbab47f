-- table.insert into a library.
-- why: a table without a metatable is needed

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  table.insert(string, "x")
  return true
end)
