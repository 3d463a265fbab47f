-- An expectation with a slip in it.
-- why: unknown option 'mesurement' (did you mean 'measurement'?)

policy "attack"

expect { simulated = "allowed" }

expect { mesurement = "00" }
