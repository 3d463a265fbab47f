-- Text of a rule with an escape.
-- why: its text has a control character in it

policy "attack"

expect { simulated = "allowed" }

rule "\27[2Jallowed" (function() return true end)
