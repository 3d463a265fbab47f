--- Which machine: --backend and what goes with it.

local err = require "kavach.err"

local M = {}

function M.configure(parser)
  parser:option("--backend", "auto, tcg, kvm or sev-snp."):argname "NAME"
    :choices { "auto", "tcg", "kvm", "sev-snp" }
  parser:option("--confidential", "required: fail unless the guest is a confidential one; "
    .. "preferred."):argname "HOW":choices { "required", "preferred" }
  parser:option("--transport", "How the command reaches the guest: agent, share, or measured: in "
    .. "its initramfs, so that a report's digest tells what ran."):argname "NAME"
    :choices { "agent", "share", "measured" }
  parser:option("--qemu", "The QEMU to run (also KAVACH_QEMU)."):argname "FILE"
  parser:option("--qemu-sha256", "Fail unless that is its SHA-256."):argname "HEX"
  parser:option("--dialect", "sev-snp: how QEMU wants the guest described: upstream (9.1 and "
    .. "later) or seed; else what it says of itself."):argname "NAME":choices { "upstream", "seed" }
  parser:option("--guest-policy", "sev-snp: the guest policy, as a number (0x30000), as hardened, "
    .. "or as the fields that are true (smt_allowed,debug_allowed,abi=1.55)."):argname "POLICY"
  parser:option("--firmware", "sev-snp: an AmdSev build of OVMF (also KAVACH_OVMF).")
    :argname "FILE"
  parser:option("--cpu-model", "sev-snp: QEMU's model of the CPUs (default EPYC-v4).")
    :argname "NAME"
  parser:option("--host-data", "sev-snp: 32 bytes for the report, in hex or base64.")
    :argname "BYTES"
  parser:option("--id-block", "sev-snp: the ID block, in base64; with --id-auth.")
    :argname "BASE64"
  parser:option("--id-auth", "sev-snp: what signs it, in base64."):argname "BASE64"
  parser:flag("--author-key-enabled", "sev-snp: --id-auth has an author's key.")
  parser:flag("--vcek-disabled", "sev-snp: reports are not signed by the chip's own key.")
end

local function wrong(text, why)
  return err.fail("invalid_argument", ("--guest-policy '%s': %s"):format(text, why))
end

-- A number, "hardened", or names of fields.
local function read_policy(text)
  if text == "hardened" then return require("kavach.guest_policy").hardened():to_bits() end
  if text:find "^%d" then
    local bits, why = require("kavach.cli.measure.launch").mask(text)
    if bits then return bits end
    return wrong(text, why)
  end
  local fields = {}
  for word in (text .. ","):gmatch "([^,]*)," do
    local major, minor = word:match "^abi=(%d+)%.(%d+)$"
    if major then
      fields.min_abi_major, fields.min_abi_minor = math.tointeger(major), math.tointeger(minor)
    elseif word:find "^[%a_][%w_]*$" then
      fields[word] = true
    else
      return wrong(text, "expected a number, hardened, or names of fields and abi=MAJOR.MINOR")
    end
  end
  return fields
end

function M.read(args, box)
  for _, name in ipairs {
    "backend", "confidential", "transport", "dialect", "firmware", "cpu_model", "host_data",
    "id_block", "id_auth", "author_key_enabled", "vcek_disabled", "qemu_sha256",
  } do
    box[name] = args[name]
  end
  box.qemu_path = args.qemu
  if not args.guest_policy then return true end
  local why
  box.guest_policy, why = read_policy(args.guest_policy)
  if not box.guest_policy then return nil, why end
  return true
end

return M
