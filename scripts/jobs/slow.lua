--- Jobs that take their time, twelve or as many as are asked for: to be interrupted, and resumed.
---
---   (kavach batch scripts/jobs/slow.lua & sleep 6; kill -9 $!); kavach batch resume slow

local kavach = require "kavach"

local batch = kavach.batch { name = "slow", jobs = 2, sandbox = { memory_limit_mb = 128 } }
for i = 1, tonumber(arg[1] or 12) do
  batch:job { id = ("nap-%d"):format(i), command = "sleep 1; echo rested" }
end
return batch
