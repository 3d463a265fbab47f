-- More rules than there may be.
-- why: a policy has at most 1000

policy "attack"

expect { simulated = "allowed" }

for i = 1, 2000 do rule("rule " .. i)(function() return true end) end
