--- What a policy requires of the report's numbers and bits: one check for each requirement.

local checklist = require "kavach.attest.checklist"
local snp = require "kavach.snp"

local M = {}

local HOST_VMPL <const> = 0xffffffff
local NOT_ASKED <const> = checklist.NOT_ASKED
local POLICY_BITS <const> = snp.guest_policy_bits()

local function state(set) return set and "set" or "clear" end

local function mask(bits) return ("0x%x"):format(bits) end

-- ---- numbers -----------------------------------------------------------------------------------

local function vmpl(list, report, rule)
  local what = { "policy.vmpl", "the report is of an allowed VMPL", "vmpl" }
  local found = report.vmpl == HOST_VMPL and "the host asked for it" or ("%d"):format(report.vmpl)
  if not rule then return list:skip(what, NOT_ASKED, found) end
  list:judge(what, report.vmpl <= rule.max, rule.max == 0 and "0" or ("0 to %d"):format(rule.max),
    found)
end

local function guest_svn(list, report, rule)
  local what = { "policy.guest_svn", "the guest's SVN is high enough", "guest_svn" }
  local found = ("%d"):format(report.guest_svn)
  if not rule then return list:skip(what, NOT_ASKED, found) end
  list:judge(what, report.guest_svn >= rule.min, ("at least %d"):format(rule.min), found)
end

-- ---- bits --------------------------------------------------------------------------------------

local BIT_NAMES <const> = {
  smt_allowed = "SMT", migration_agent_allowed = "a migration agent", debug_allowed = "debug",
  single_socket_only = "a single socket", cxl_allowed = "CXL", aes_256_xts_required = "AES-256-XTS",
  rapl_disabled = "RAPL being off", ciphertext_hiding = "ciphertext hiding",
  page_swap_disabled = "page swapping being off",
}

local function bit_name(bit, wanted)
  local subject, verb = BIT_NAMES[bit.field], bit.permits and "allowed" or "demanded"
  return ("%s is %s%s"):format(subject, wanted and "" or "not ", verb)
end

local function min_abi(list, report, floor)
  if not floor then return end
  local major, minor = report.policy >> 8 & 0xff, report.policy & 0xff
  list:judge({ "policy.min_abi", "the guest policy asks for a new enough ABI", "policy" },
    major > floor[1] or major == floor[1] and minor >= floor[2],
    ("at least %d.%d"):format(floor[1], floor[2]), ("%d.%d"):format(major, minor))
end

local function guest_policy(list, report, rules)
  local unasked = {}
  for _, bit in ipairs(POLICY_BITS) do
    local wanted, set = rules[bit.field], report.policy & bit.mask ~= 0
    if wanted ~= nil then
      list:judge({ "policy." .. bit.field, bit_name(bit, wanted), "policy" }, set == wanted,
        ("%s %s"):format(bit.name, state(wanted)), ("%s %s"):format(bit.name, state(set)))
    else
      unasked[#unasked + 1] = ("%s %s"):format(bit.name, state(set))
    end
  end
  min_abi(list, report, rules.min_abi)
  local bits = rules.required_bits
  if bits then
    list:judge({ "policy.required_bits", "required bits of the guest policy are set", "policy" },
      report.policy & bits == bits, mask(bits), mask(report.policy))
  end
  if #unasked > 0 then
    list:skip({ "policy.other_bits", "other bits of the guest policy", "policy" }, NOT_ASKED,
      table.concat(unasked, ", "))
  end
end

local PLATFORM_BITS <const> = {}
for name in next, (snp.platform_info(0)) do PLATFORM_BITS[#PLATFORM_BITS + 1] = name end
table.sort(PLATFORM_BITS)

local function platform(list, report, rules)
  local names, unknown = snp.platform_info(report.platform_info)
  for _, name in ipairs(PLATFORM_BITS) do
    if rules[name] ~= nil then
      list:judge({ "policy.platform." .. name:lower(), ("the platform has %s %s"):format(name,
        state(rules[name])), "platform_info" }, names[name] == rules[name], state(rules[name]),
        state(names[name]))
    end
  end
  local what = { "policy.platform.unknown_bits", "the platform has no bits of unknown meaning",
    "platform_info" }
  if rules.unknown_bits == "forbidden" then
    list:judge(what, unknown == 0, "none", mask(unknown))
  else
    list:skip(what, NOT_ASKED, unknown == 0 and "none" or mask(unknown))
  end
end

-- Mitigations came with version 5: an earlier report shows none.
local function mitigations(list, report, rules)
  for _, which in ipairs { "launch", "current" } do
    local wanted, field = rules[which], which .. "_mit_vector"
    local what = { "policy." .. field, ("mitigations are active (%s)"):format(which), field }
    local has = report[field]
    local found = has and mask(has) or ("none in version %d"):format(report.version)
    if wanted then
      list:judge(what, has ~= nil and has & wanted == wanted, mask(wanted), found)
    else
      list:skip(what, NOT_ASKED, found)
    end
  end
end

-- ---- TCBs --------------------------------------------------------------------------------------

local PARTS <const> = { "fmc", "boot_loader", "tee", "snp", "microcode" }
local PRODUCTS <const> = { Milan = true, Genoa = true, Turin = true }

local function has_product(rules)
  for key in next, rules do
    if PRODUCTS[key] then return true end
  end
  return false
end

-- The floors for a product: its own, and where it has none those of all.
local function floors_of(rules, product)
  local own = rules[product]
  if not own and has_product(rules) then return nil end
  local floors = {}
  for _, part in ipairs(PARTS) do floors[part] = own and own[part] or rules[part] end
  return floors
end

local function judge_floor(list, case, part, floor, where)
  local found, passed = {}, true
  for i, which in ipairs(where.which) do
    local value = case.tcbs[which][part]
    found[i] = ("%s %d"):format(which, value)
    passed = passed and value >= floor.min
  end
  list:judge({ ("policy.%s.%s"):format(where.id, part), ("%s is new enough%s"):format(part,
    where.suffix), where.field }, passed, ("at least %d"):format(floor.min),
    table.concat(found, ", "))
end

local TCB <const> = { id = "tcb", which = { "reported", "committed" }, field = "reported_tcb",
  suffix = "" }
local LAUNCH_TCB <const> = { id = "launch_tcb", which = { "launch" }, field = "launch_tcb",
  suffix = " at launch" }

local function tcb_floors(list, case, rules, where)
  local what = { "policy." .. where.id, "the firmware is new enough" .. where.suffix, where.field }
  if not rules then return list:skip(what, NOT_ASKED) end
  if not case.tcbs then return list:lack(what, "the product is not known") end
  local floors = floors_of(rules, case.product)
  if not floors then
    local product = case.product or "a product that is not known"
    return list:judge(what, false, "a floor for " .. product, "none in the policy")
  end
  for _, part in ipairs(PARTS) do
    if floors[part] and case.tcbs.reported[part] then
      judge_floor(list, case, part, floors[part], where)
    elseif floors[part] then
      list:skip({ what[1] .. "." .. part, ("%s is new enough%s"):format(part, where.suffix),
        where.field }, ("a TCB of %s has none"):format(case.product or "this product"))
    end
  end
end

-- Whether what runs now is also committed, and so cannot be rolled back.
local function provisional(list, report, rule)
  local what = { "policy.provisional", "the firmware that runs is committed", "current_tcb" }
  local function version(which)
    return ("%d.%d.%d, TCB %016x"):format(report[which .. "_major"], report[which .. "_minor"],
      report[which .. "_build"], report[which .. "_tcb"])
  end
  local current, committed = version "current", version "committed"
  local found = current == committed and "it is" or ("%s; committed %s"):format(current, committed)
  if rule ~= "forbidden" then return list:skip(what, NOT_ASKED, found) end
  list:judge(what, current == committed, committed, current)
end

--- Adds the checks of a report's numbers and bits.
---@param list table of kavach.attest.checklist
---@param case { requires: table, report: table, tcbs: table?, product: string? }
function M.check(list, case)
  local report, requires = case.report, case.requires
  vmpl(list, report, requires.vmpl)
  guest_policy(list, report, requires.guest_policy or {})
  guest_svn(list, report, requires.guest_svn)
  platform(list, report, requires.platform or {})
  tcb_floors(list, case, requires.tcb, TCB)
  tcb_floors(list, case, requires.launch_tcb, LAUNCH_TCB)
  provisional(list, report, requires.provisional)
  mitigations(list, report, requires.mitigations or {})
end

return M
