-- Keys without an order: which of them is met first is a matter of addresses.
-- why: a key that is no number, text or boolean has no order

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  for _ in pairs { [{}] = 1, [function() end] = 2, [e] = 3 } do return true end
end)
