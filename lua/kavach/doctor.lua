--- What works on this machine, and what to do about what does not.
---
---   local report = kavach.doctor { backend = "kvm", probe = true }
---   if not report.ok then print(report.checks[1].advice) end
---
--- Each check is a function of a file in doctor/. What takes time is started for all of them
--- together; each then waits for what it needs.

local check = require "kavach.check"
local task = require "kavach.task"

local M = {}

local VERSION <const> = 1

---@alias kavach.doctor.state
---| "ok"
---| "warning" sandboxes run without it, or until it runs out
---| "missing" it is not there, or does not work

---@class kavach.doctor.check
---@field name string
---@field required boolean whether a sandbox of the chosen backend needs it
---@field state kavach.doctor.state
---@field found string what there is, or what is wrong with it
---@field command string? the one that mends it
---@field advice string? what to do where no command does it, or what to know about it

---@class kavach.doctor.report
---@field version integer
---@field ok boolean nothing that a sandbox needs is missing
---@field backend string? the one asked for; or what `auto` chooses, if it can
---@field checks kavach.doctor.check[]

-- In this order: a check may need what those above it have found. Of the backends the best stands
-- first. `needed_by`: which of them need it; without it, all do.
local CHECKS <const> = {
  { name = "qemu", room = "host", required = true },
  { name = "kernel", room = "guest", required = true },
  { name = "image", room = "guest", required = true },
  { name = "agent", room = "guest" },
  { name = "pair", room = "guest" },
  { name = "snp-cpu", room = "snp", required = true, needed_by = "sev-snp" },
  { name = "snp-kvm", room = "snp", required = true, needed_by = "sev-snp" },
  { name = "snp-firmware", room = "snp", required = true, needed_by = "sev-snp" },
  { name = "snp-asids", room = "snp" },
  { name = "snp-qemu", room = "snp", required = true, needed_by = "sev-snp" },
  { name = "snp-ovmf", room = "snp", required = true, needed_by = "sev-snp" },
  { name = "snp-policy", room = "snp", required = true, needed_by = "sev-snp" },
  { name = "sev-snp", room = "snp", required = true, needed_by = "sev-snp" },
  { name = "kvm", room = "backends", required = true, needed_by = "kvm" },
  { name = "tcg", room = "backends", required = true, needed_by = "tcg" },
  { name = "private", room = "host", required = true },
  { name = "memory", room = "host" },
  { name = "descriptors", room = "host" },
  { name = "cgroup", room = "host" },
  { name = "templates", room = "host" },
  { name = "certificates", room = "host" },
  { name = "probe", room = "probe", required = true },
}

local OPTIONS <const> = {
  backend = { enum = { "auto", "sev-snp", "kvm", "tcg" }, default = "auto" },
  probe = { type = "boolean", default = false },
}

---@class kavach.doctor.seen what the checks so far have found
---@field qemu? kavach.qemu open, if it is one that can be used
---@field qemu_version? string
---@field files? { kernel: string, initrd: string } that can be booted
---@field manifest? table of the guest's image
---@field release? string of the guest's kernel
---@field wanted string the backend asked for, or "auto"
---@field backend? string the best that works, or the one asked for if it works
---@field snp? kavach.snp.found what there is of SEV-SNP
---@field snp_machine? kavach.snp.machine what that is asked of, if not of this machine

-- With "auto", what a backend needs is needed if no better one works.
local function is_required(entry, seen)
  if not entry.required then return false end
  local backend = entry.needed_by
  if not backend or seen.wanted == backend then return true end
  return seen.wanted == "auto" and backend == "tcg" and (not seen.backend or seen.backend == "tcg")
end

local function examine(entry, seen)
  local look = require("kavach.doctor." .. entry.room)[entry.name]
  local row = look(seen)
  return {
    name = entry.name, required = is_required(entry, seen), state = row.state, found = row.found,
    command = row.command, advice = row.advice,
  }
end

local function examine_all(options)
  local seen = require("kavach.doctor.seen").new(options.backend)
  local report = { version = VERSION, ok = true, checks = {} }
  for _, entry in ipairs(CHECKS) do
    if entry.name ~= "probe" or options.probe then
      local row = examine(entry, seen)
      report.checks[#report.checks + 1] = row
      report.ok = report.ok and not (row.required and row.state == "missing")
    end
  end
  report.backend = report.ok and seen.backend or nil
  return report
end

---Looks at everything. Each look is bounded by a second; all of them together take about a quarter
---of one. With `probe` it also runs a job in a sandbox, which takes as long as that takes.
---@param options? { backend?: string, probe?: boolean }
---@return kavach.doctor.report
function M.doctor(options)
  local checked = check.table(OPTIONS, options, "doctor", 2)
  return task.scope(function() return examine_all(checked) end)
end

return M
