--- Twelve jobs in VMs: eight that do the work, one of which fails the first time and is tried
--- again, two that put the parts together, one that needs those, and one that says what there is.
---
---   kavach batch scripts/jobs/demo.lua --report demo.html

local kavach = require "kavach"

local batch = kavach.batch {
  name = "demo", jobs = 2, retries = 2, retry_delay_ms = 200, timeout_ms = 60000,
  sandbox = { memory_limit_mb = 128 },
}

local halves = { {}, {} }
for part = 1, 8 do
  local id = ("part-%d"):format(part)
  table.insert(halves[part % 2 + 1], id)
  batch:job {
    id = id, tag = "parts", get = { "sums/*" },
    -- The fifth fails, unless it is tried again.
    command = ([[
      mkdir sums
      if [ %d = 5 ] && [ "$KAVACH_ATTEMPT" = 1 ]; then echo "no luck yet" >&2; exit 75; fi
      seq %d | sha256sum >sums/%s]]):format(part, part * 100, id),
    retry_if = function(result) return result.exit_code == 75 end,
  }
end

for i, parts in ipairs(halves) do
  batch:job { id = ("half-%d"):format(i), needs = parts, tag = "halves",
    command = ("echo %s"):format(table.concat(parts, " ")) }
end

batch:job { id = "whole", needs = { "half-1", "half-2" }, command = "echo whole", priority = 1 }
batch:job { id = "machine", command = { "uname", "-a" } }

return batch
