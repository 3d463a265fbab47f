--- Policies that look at four fields of a report, whoever signed it: the first kavach's, as it was.

local checklist = require "kavach.attest.checklist"
local snp = require "kavach.snp"

local M = {}

local function mask(bits) return ("0x%x"):format(bits) end

local function measurement(list, policy, report)
  local what = { "structural.measurement", "the launch digest is the expected one", "measurement" }
  local expected, found = policy.expected_measurement, report.measurement
  if not expected then return list:skip(what, checklist.NOT_ASKED, found and snp.hex(found)) end
  list:judge(what, found == expected, snp.hex(expected), found and snp.hex(found) or "no hex")
end

--- Adds the comparisons. VMPLs and SVNs are unsigned; every required bit must be set, those of the
--- ABI version too.
---@param list table of kavach.attest.checklist
---@param policy kavach.Policy
---@param report table the fields of a report: all, or those of its JSON form
function M.check(list, policy, report)
  measurement(list, policy, report)
  list:judge({ "structural.vmpl", "the report is of an allowed VMPL", "vmpl" },
    report.vmpl <= policy.max_vmpl, ("at most %d"):format(policy.max_vmpl),
    ("%d"):format(report.vmpl))
  list:judge({ "structural.guest_svn", "the guest's SVN is high enough", "guest_svn" },
    report.guest_svn >= policy.min_guest_svn, ("at least %d"):format(policy.min_guest_svn),
    ("%d"):format(report.guest_svn))
  local bits = policy.required_policy_flags
  list:judge({ "structural.policy", "required bits of the guest policy are set", "policy" },
    report.policy & bits == bits, mask(bits), mask(report.policy))
end

return M
