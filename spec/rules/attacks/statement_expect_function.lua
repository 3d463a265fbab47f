-- An expectation with a function in it.
-- why: expect: there is a function in it

policy "attack"

expect { simulated = "allowed" }

expect { vmpl = { max = function() return 3 end } }
