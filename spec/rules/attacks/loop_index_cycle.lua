-- A table that is its own __index.
-- why: loop

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  local t = {}
  setmetatable(t, { __index = t })
  t.__index = t
  return t.x
end)
