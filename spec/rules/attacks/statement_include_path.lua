-- An include that leaves the folder.
-- why: include: the name of a policy in the same folder is needed

policy "attack"

expect { simulated = "allowed" }

include "../../../etc/passwd"
