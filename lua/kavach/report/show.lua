--- A report for people, and in full as JSON: every field, with its bits and components by name.

local json = require "kavach.json"
local snp = require "kavach.snp"

local M = {}

local SCHEMA_VERSION <const> = 1
local HOST_VMPL <const> = 0xffffffff
local TCBS <const> = { "reported", "committed", "current", "launch" }
local PARTS <const> = { "fmc", "boot_loader", "tee", "snp", "microcode" }
local SIGNING_KEYS <const> = { [0] = "vcek", [1] = "vlek", [7] = "none" }
local BYTES <const> = {
  "report_data", "measurement", "host_data", "id_key_digest", "author_key_digest", "family_id",
  "image_id", "report_id", "report_id_ma", "chip_id",
}

local function mask(bits)
  return ("0x%x"):format(bits)
end

local function policy(bits)
  local names, known = {}, snp.GUEST_POLICY_KNOWN
  for _, bit in ipairs(snp.guest_policy_bits()) do
    names[bit.name] = bits & bit.mask ~= 0
  end
  return {
    value = mask(bits), abi_major = bits >> 8 & 0xff, abi_minor = bits & 0xff, bits = names,
    reserved_bit_17 = bits & snp.GUEST_POLICY_ALWAYS ~= 0, unknown_bits = mask(bits & ~known),
  }
end

local function platform(bits)
  local names, unknown = snp.platform_info(bits)
  return { value = mask(bits), bits = names, unknown_bits = mask(unknown) }
end

local function key_info(bits)
  local key = bits >> 2 & 7
  return {
    value = mask(bits), author_key_en = bits & 1 ~= 0, mask_chip_key = bits & 2 ~= 0,
    signing_key = SIGNING_KEYS[key] or ("reserved %d"):format(key),
    unknown_bits = mask(bits & ~0x1f),
  }
end

local function version_of(report, which)
  return ("%d.%d.%d"):format(report[which .. "_major"], report[which .. "_minor"],
    report[which .. "_build"])
end

local function cpuid(report)
  if not report.cpuid_fam_id then return nil end
  return { family = report.cpuid_fam_id, model = report.cpuid_mod_id, stepping = report.cpuid_step }
end

--- Everything that a report says, ready for JSON: masks are "0x…", bytes are hex, the components of
--- a TCB are there if its layout is known. `problems` is what the structural check finds.
---@param report table fields as of snp.report_parse
---@param bytes string the report's 1184 bytes
---@param product string? where the report does not tell it
---@return table
function M.table(report, bytes, product)
  local out = {
    version = SCHEMA_VERSION, report_version = report.version, product = product or report.product,
    guest_svn = report.guest_svn, vmpl = report.vmpl, host_requested = report.vmpl == HOST_VMPL,
    policy = policy(report.policy), platform_info = platform(report.platform_info),
    key_info = key_info(report.key_info), signature_algo = report.signature_algo,
    cpuid = cpuid(report), chip_id_masked = not report.chip_id:find "[^\0]",
    firmware = {
      current = version_of(report, "current"), committed = version_of(report, "committed"),
    },
    launch_mit_vector = report.launch_mit_vector and mask(report.launch_mit_vector),
    current_mit_vector = report.current_mit_vector and mask(report.current_mit_vector),
    signature = {
      r = snp.hex(report.signature:sub(1, 72)), s = snp.hex(report.signature:sub(73, 144)),
    },
    problems = M.problems(bytes, product),
  }
  for _, name in ipairs(BYTES) do out[name] = snp.hex(report[name]) end
  local tcbs = snp.report_tcbs(bytes, product)
  for _, which in ipairs(TCBS) do
    local tcb = tcbs and tcbs[which] or {}
    tcb.value = ("0x%016x"):format(report[which .. "_tcb"])
    out[which .. "_tcb"] = tcb
  end
  return out
end

--- What the structural check finds: a list of { rule=, field=, offset=, message= }, in JSON an
--- array even if it is empty.
---@param bytes string
---@param product string?
---@return table
function M.problems(bytes, product)
  return json.array(assert(snp.report_check(bytes, product)))
end

-- ---- text ------------------------------------------------------------------------------------

local function sorted_set(names)
  local list = {}
  for name, set in next, names do
    if set then list[#list + 1] = name end
  end
  table.sort(list)
  return #list > 0 and table.concat(list, " ") or "none"
end

local function tcb_text(tcb)
  local words = {}
  for _, part in ipairs(PARTS) do
    if tcb[part] then words[#words + 1] = ("%s %d"):format(part, tcb[part]) end
  end
  return tcb.value .. (#words > 0 and "  " .. table.concat(words, ", ") or "")
end

local function bits_text(field)
  local unknown = field.unknown_bits ~= "0x0" and ", unknown " .. field.unknown_bits or ""
  return ("%s  %s%s"):format(field.value, sorted_set(field.bits), unknown)
end

local function vmpl_text(t)
  return t.host_requested and "the host asked for this report" or ("%d"):format(t.vmpl)
end

local function key_text(key)
  return key.signing_key .. (key.mask_chip_key and ", not signed (MASK_CHIP_KEY)" or "")
    .. (key.author_key_en and ", author key" or "")
end

--- Lines for people. All that comes from the report is a number or hex.
---@param report table
---@param bytes string
---@param product string?
---@return string
function M.text(report, bytes, product)
  local t, lines = M.table(report, bytes, product), {}
  local function add(name, value)
    if value ~= nil then lines[#lines + 1] = ("%-20s %s"):format(name, value) end
  end
  add("report", ("version %d, %s"):format(t.report_version, t.product or "product not told"))
  if t.cpuid then
    add("cpuid", ("family 0x%02x, model 0x%02x, stepping %d"):format(t.cpuid.family, t.cpuid.model,
      t.cpuid.stepping))
  end
  add("vmpl", vmpl_text(t))
  add("guest_svn", ("%d"):format(t.guest_svn))
  add("policy", ("%s, ABI %d.%d"):format(bits_text(t.policy), t.policy.abi_major,
    t.policy.abi_minor))
  add("platform_info", bits_text(t.platform_info))
  add("signed by", key_text(t.key_info))
  for _, which in ipairs(TCBS) do add(which .. "_tcb", tcb_text(t[which .. "_tcb"])) end
  add("firmware", ("%s, committed %s"):format(t.firmware.current, t.firmware.committed))
  add("launch_mit_vector", t.launch_mit_vector)
  add("current_mit_vector", t.current_mit_vector)
  for _, name in ipairs(BYTES) do
    add(name, t[name]:find "[^0]" and t[name] or ("zero (%d bytes)"):format(#t[name] // 2))
  end
  for _, problem in ipairs(t.problems) do add("problem", problem.message) end
  return table.concat(lines, "\n") .. "\n"
end

return M
