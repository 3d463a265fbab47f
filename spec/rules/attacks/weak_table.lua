-- A weak table, which shows when the collector ran.
-- why: a policy's metatables have no __mode

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  setmetatable({}, { __mode = "k" })
  return true
end)
