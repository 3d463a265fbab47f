-- An include of what is not there.
-- why: No such file or directory

policy "attack"

expect { simulated = "allowed" }

include "nothing-of-this-name"
