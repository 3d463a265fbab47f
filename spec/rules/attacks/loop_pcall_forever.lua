-- pcall again and again, whatever it catches.
-- why: its budget of steps is spent

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  while true do pcall(error) end
end)
