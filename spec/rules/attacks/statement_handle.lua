-- A made-up member of a group.
-- why: its members are what rule, expect, any_of and all_of give, not a number

policy "attack"

expect { simulated = "allowed" }

any_of "x" { 1 }
