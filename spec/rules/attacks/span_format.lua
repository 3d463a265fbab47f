-- Formats that make long numbers.
-- why: its budget of steps is spent

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  while true do local _ = ("%.99f%.99f%.99f"):format(1e308, 1e308, 1e308) end
end)
