-- __index that asks itself.
-- why: its budget of steps is spent

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  local t = {}
  setmetatable(t, { __index = function(_, k) return pcall(function() return t[k] end) and t[k] end })
  return t.x
end)
