-- A loop while the policy is loaded.
-- why: its budget of steps is spent

policy "attack"

expect { simulated = "allowed" }

while true do end
rule "never" (function() return true end)
