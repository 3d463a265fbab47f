-- A finaliser put into a metatable that is in use already: Lua does not look for it.
-- why: its budget of steps is spent

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  local mt = {}
  setmetatable({}, mt)
  mt.__gc = function() return true end
  while true do local _ = {} end
end)
