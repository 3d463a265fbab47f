-- A policy that states nothing.
-- why: the policy asks for something

policy "attack"

