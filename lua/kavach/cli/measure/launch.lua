--- The options that describe a launch, as sev-snp-measure calls them: of `kavach measure`, and of
--- whatever else needs a launch digest.

local options = require "kavach.cli.options"

local M = {}

-- ---- options -----------------------------------------------------------------------------------

--- A number of up to 64 bits, decimal or "0x…".
---@param text string
---@return integer?
---@return string? message
function M.mask(text)
  local digits = text:match "^0[xX](%x+)$"
  local n
  if digits then
    n = #digits:gsub("^0+", "") <= 16 and tonumber(text)
  else
    n = text:find "^%d+$" and tonumber(text)
  end
  n = n and math.tointeger(n)
  if n then return n end
  return nil, ("'%s' is not a number of up to 64 bits (decimal or 0x…)"):format(text)
end

--- Makes a converter for the same, from 0 to `max`.
---@param max integer
---@return fun(text: string): integer?, string?
function M.unsigned(max)
  return function(text)
    local n, message = M.mask(text)
    if n and n >= 0 and n <= max then return n end
    return nil, message or ("'%s' is not a number from 0 to %d"):format(text, max)
  end
end

--- Adds them to a parser.
---@param parser table
function M.configure(parser)
  parser:option("--mode", "snp (default), snp:ovmf-hash, snp:svsm, sev or seves."):argname "MODE"
    :choices { "snp", "snp:ovmf-hash", "snp:svsm", "sev", "seves" }
  parser:option("--vcpus", "How many CPUs the guest has."):argname "N"
    :convert(options.integer(0, 4096))
  parser:option("--vcpu-type", "QEMU's model of them: EPYC-v4, EPYC-Milan …"):argname "TYPE"
  parser:option("--vcpu-sig", "Or their signature (CPUID 1, EAX)."):argname "N"
    :convert(M.unsigned(0xffffffff))
  parser:option("--vcpu-family", "Or their family, with model and stepping."):argname "N"
    :convert(M.unsigned(270))
  parser:option("--vcpu-model", "Their model."):argname "N":convert(M.unsigned(255))
  parser:option("--vcpu-stepping", "Their stepping."):argname "N":convert(M.unsigned(15))
  parser:option("--vmm-type", "Who launches: QEMU (default), ec2 or gce."):argname "VMM"
  parser:option("--guest-features", "SEV_FEATURES of an snp guest (default 0x1)."):argname "N"
    :convert(M.mask)
  parser:option("--ovmf", "The firmware."):argname "FILE"
  parser:option("--snp-ovmf-hash --ovmf-hash", "The digest after the firmware's pages, which are "
    .. "then not read (mode snp)."):argname "HASH":target "ovmf_hash"
  parser:option("--kernel", "The kernel that QEMU is given."):argname "FILE"
  parser:option("--initrd", "Its initrd."):argname "FILE"
  parser:option("--append", "Its command line."):argname "LINE"
  parser:option("--svsm", "The SVSM's image (mode snp:svsm)."):argname "FILE"
  parser:option("--vars-size", "Bytes of OVMF_VARS (mode snp:svsm)."):argname "N"
    :convert(M.unsigned(1 << 32))
  parser:option("--vars-file", "Or that file."):argname "FILE"
end

--- By how kavach.measure calls it: the option.
M.OPTIONS = { vmm = "--vmm-type", ovmf_hash = "--snp-ovmf-hash" }
for _, name in ipairs {
  "mode", "vcpus", "vcpu_type", "vcpu_sig", "vcpu_family", "vcpu_model", "vcpu_stepping",
  "guest_features", "ovmf", "kernel", "initrd", "append", "svsm", "vars_size", "vars_file",
} do
  M.OPTIONS[name] = "--" .. name:gsub("_", "-")
end

--- The options among what a parser found, for kavach.measure; nil if there are none.
---@param args table
---@return table?
function M.picked(args)
  local out
  for key in pairs(M.OPTIONS) do
    local value = args[key == "vmm" and "vmm_type" or key]
    if value ~= nil then
      out = out or {}
      out[key] = value
    end
  end
  return out
end

-- Words of messages that are also English, and options only where a message begins with them.
local ENGLISH <const> = {
  mode = true, kernel = true, initrd = true, append = true, ovmf = true, svsm = true,
  vcpus = true, policy = true, digest = true,
}

--- A message of the Lua API with options as the command line has them: those of a launch, and
--- `more`, "--option" by how the API calls it.
---@param message string
---@param more table<string, string>?
---@return string
function M.spelled(message, more)
  local function option(word)
    if more and more[word] then return more[word] end
    return M.OPTIONS[word]
  end
  message = message:gsub("^%w+: ", ""):gsub("^id_block: ", "")
  return (message:gsub("%f[%w_][%w_]+%f[^%w_]", function(word)
    return not ENGLISH[word] and option(word) or nil
  end):gsub("^[%w_]+", option))
end

return M
