--- What works on this machine, and what to do about what does not.
---
---   local report = kavach.doctor()
---   if not report.ok then print(report.checks[1].advice) end
---
--- Each check is a function of a file in doctor/, and is called with what earlier ones found.

local M = {}

local VERSION <const> = 1

---@class kavach.doctor.check
---@field name string
---@field required boolean whether a sandbox needs it
---@field ok boolean
---@field found string what there is, or what is wrong with it
---@field advice string? what to do about it; there may be some for what is ok as well

---@class kavach.doctor.report
---@field version integer
---@field ok boolean everything that a sandbox needs is there
---@field backend string? what `auto` chooses, if it can
---@field checks kavach.doctor.check[]

-- In this order: a check may need what those above it have found. Of the backends the best stands
-- first; the last is required where no better one works.
local CHECKS <const> = {
  { name = "qemu", required = true, room = "host" },
  { name = "guest", required = true, room = "guest" },
  { name = "pair", required = false, room = "guest" },
  { name = "sev-snp", required = false, room = "backends" },
  { name = "kvm", required = false, room = "backends" },
  { name = "tcg", required = true, room = "backends" },
  { name = "private", required = true, room = "host" },
}

---@class kavach.doctor.seen
---@field qemu? string its path
---@field qemu_version? string
---@field files? { kernel: string, initrd: string } that can be booted
---@field release? string of the guest's kernel
---@field backend? string the best that works

---Looks at everything. Takes a few hundred milliseconds, or two seconds where things hang.
---@return kavach.doctor.report
function M.doctor()
  local report, seen = { version = VERSION, ok = true, checks = {} }, {}
  for i, check in ipairs(CHECKS) do
    local look = require("kavach.doctor." .. check.room)[check.name]
    local required = check.required and not (check.room == "backends" and seen.backend)
    local ok, found, advice = look(seen)
    report.checks[i] = {
      name = check.name, required = required, ok = ok, found = found, advice = advice,
    }
    report.ok = report.ok and (ok or not required)
  end
  report.backend = report.ok and seen.backend or nil
  return report
end

return M
