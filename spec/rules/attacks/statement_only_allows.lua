-- A policy that allows what is forbidden otherwise, and asks for nothing.
-- why: the policy asks for something

policy "attack"

expect { simulated = "allowed" }
expect {}
