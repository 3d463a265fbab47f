--- A job for each file that is named, in a VM of its own: what it is given is under /in, and what
--- it makes comes back.
---
---   kavach batch scripts/jobs/thumbnails.lua pictures/*.pgm --results thumbs

local kavach = require "kavach"

local batch = kavach.batch {
  name = "thumbnails", jobs = 2, retries = 2, sandbox = { memory_limit_mb = 256 },
}
for _, path in ipairs(arg) do
  batch:job {
    id = path, put = { path }, get = { "out/*" }, timeout_ms = 60000,
    -- A thumbnail is the first kilobyte here: the guest has no ImageMagick.
    command = [[mkdir out && find /in -type f | while read -r f; do
      head -c 1024 "$f" >"out/$(basename "$f").thumb"; done]],
  }
end
batch:job { id = "index", command = { "echo", table.unpack(arg) }, needs = batch:ids() }
return batch
