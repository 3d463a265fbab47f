-- Numbers below 1 and above it as keys, which add up to none.
-- why: neither a list nor has names as keys

policy "attack"

expect { simulated = "allowed" }

expect { [0] = 1, [5] = 2 }
