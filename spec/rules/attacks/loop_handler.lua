-- A loop in the handler of xpcall, where Lua turns its hook off.
-- why: its budget of steps is spent

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  xpcall(error, function() while true do end end)
  return true
end)
