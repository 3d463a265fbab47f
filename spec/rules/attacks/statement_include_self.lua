-- A policy that includes itself.
-- why: include: a cycle: statement_include_self.lua → statement_include_self.lua

policy "attack"

expect { simulated = "allowed" }

include "statement_include_self"
