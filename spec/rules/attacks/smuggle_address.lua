-- Addresses, which differ from one process to the next.
-- why: it returned false

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  local text = tostring({}) .. tostring(pcall) .. tostring(e)
  return contains(text, "0x"), nil
end)
