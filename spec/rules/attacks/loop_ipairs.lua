-- ipairs over a table whose __index always has one more.
-- why: its budget of steps is spent

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  for _ in ipairs(setmetatable({}, { __index = function(_, i) return i end })) do end
  return true
end)
