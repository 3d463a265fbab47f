-- table.sort of a table that lies about its length.
-- why: a table without a metatable is needed

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  table.sort(setmetatable({}, { __len = function() return 1 << 30 end }))
  return true
end)
