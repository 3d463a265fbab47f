-- table.insert into a table that lies about its length.
-- why: a table without a metatable is needed

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  table.insert(setmetatable({}, { __len = function() return 1 << 50 end }), 1, true)
  return true
end)
