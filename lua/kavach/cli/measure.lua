--- `kavach measure`: launch digests, and ID blocks for them. The options are those of
--- sev-snp-measure and snp-create-id-block, so that scripts for these go on to work.

local options = require "kavach.cli.options"

local EXIT_USAGE <const> = 64
local MAX_U32 <const> = 0xffffffff

-- ---- options -----------------------------------------------------------------------------------

--- A number of up to 64 bits, decimal or "0x…".
local function mask(text)
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

--- The same, from 0 to `max`.
local function unsigned(max)
  return function(text)
    local n, message = mask(text)
    if n and n >= 0 and n <= max then return n end
    return nil, message or ("'%s' is not a number from 0 to %d"):format(text, max)
  end
end

local function configure_launch(parser)
  parser:option("--mode", "snp (default), snp:ovmf-hash, snp:svsm, sev or seves."):argname "MODE"
    :choices { "snp", "snp:ovmf-hash", "snp:svsm", "sev", "seves" }
  parser:option("--vcpus", "How many CPUs the guest has."):argname "N"
    :convert(options.integer(0, 4096))
  parser:option("--vcpu-type", "QEMU's model of them: EPYC-v4, EPYC-Milan …"):argname "TYPE"
  parser:option("--vcpu-sig", "Or their signature (CPUID 1, EAX)."):argname "N"
    :convert(unsigned(MAX_U32))
  parser:option("--vcpu-family", "Or their family, with model and stepping."):argname "N"
    :convert(unsigned(270))
  parser:option("--vcpu-model", "Their model."):argname "N":convert(unsigned(255))
  parser:option("--vcpu-stepping", "Their stepping."):argname "N":convert(unsigned(15))
  parser:option("--vmm-type", "Who launches: QEMU (default), ec2 or gce."):argname "VMM"
  parser:option("--guest-features", "SEV_FEATURES of an snp guest (default 0x1)."):argname "N"
    :convert(mask)
  parser:option("--ovmf", "The firmware."):argname "FILE"
  parser:option("--snp-ovmf-hash --ovmf-hash", "The digest after the firmware's pages, which are "
    .. "then not read (mode snp)."):argname "HASH":target "ovmf_hash"
  parser:option("--kernel", "The kernel that QEMU is given."):argname "FILE"
  parser:option("--initrd", "Its initrd."):argname "FILE"
  parser:option("--append", "Its command line."):argname "LINE"
  parser:option("--svsm", "The SVSM's image (mode snp:svsm)."):argname "FILE"
  parser:option("--vars-size", "Bytes of OVMF_VARS (mode snp:svsm)."):argname "N"
    :convert(unsigned(1 << 32))
  parser:option("--vars-file", "Or that file."):argname "FILE"
end

local function configure_id_block(parser)
  parser:option("--measurement", "Not measured but given: a launch digest in hex or base64, to "
    .. "make an ID block for."):argname "DIGEST"
  parser:option("--idkey --id-key", "Make an ID block, signed with this P-384 key (PEM).")
    :argname "FILE":target "id_key"
  parser:option("--authorkey --author-key", "Sign that key with this one."):argname "FILE"
    :target "author_key"
  parser:option("--family-id", "16 bytes of it, in hex."):argname "HEX"
  parser:option("--image-id", "16 bytes of it, in hex."):argname "HEX"
  parser:option("--guest-svn", "Its security version number."):argname "N"
    :convert(unsigned(MAX_U32))
  parser:option("--policy", "The guest policy (default 0x30000)."):argname "N":convert(mask)
end

local function configure(parser)
  parser:description("Compute what MEASUREMENT of an attestation report will be for a guest that "
    .. "is launched so, and make ID blocks.")
  configure_launch(parser)
  configure_id_block(parser)
  parser:option("--output-format", "How digests are printed: hex (default) or base64.")
    :argname "FORMAT":choices { "hex", "base64" }
  parser:flag("--dump-vmsa", "Write the measured CPU states to vmsa0.bin, vmsa1.bin … here.")
  parser:flag("-v --verbose", "Tell each page of an snp launch on standard error.")
  parser:epilog [[
With --idkey it prints, each on a line of its own: digest, id-block and id-auth (in base64, as
QEMU's sev-snp-guest takes them), id-key-digest, and with --authorkey author-key-digest.

Exit codes: 0; 1 if a file cannot be read or cannot be launched so; 64 usage.

Examples:
   kavach measure --vcpus 4 --vcpu-type EPYC-v4 --ovmf OVMF.amdsev.fd --kernel bzImage \
      --initrd initrd.img --append "console=ttyS0"
   kavach measure --mode snp:ovmf-hash --ovmf OVMF.fd
   kavach measure --measurement "$digest" --idkey id.pem --authorkey author.pem]]
end

-- ---- from words to options ----------------------------------------------------------------------

--- How kavach.measure calls what the command line calls otherwise.
local LAUNCH <const> = {
  mode = "mode", vcpus = "vcpus", vcpu_type = "vcpu_type", vcpu_sig = "vcpu_sig",
  vcpu_family = "vcpu_family", vcpu_model = "vcpu_model", vcpu_stepping = "vcpu_stepping",
  vmm = "vmm_type", guest_features = "guest_features", ovmf = "ovmf", ovmf_hash = "ovmf_hash",
  kernel = "kernel", initrd = "initrd", append = "append", svsm = "svsm", vars_size = "vars_size",
  vars_file = "vars_file", trace = "verbose",
}
local ID_BLOCK <const> = {
  id_key = "id_key", author_key = "author_key", family_id = "family_id", image_id = "image_id",
  guest_svn = "guest_svn", policy = "policy",
}
local SPELLED <const> = {
  vmm = "--vmm-type", ovmf_hash = "--snp-ovmf-hash", id_key = "--idkey", digest = "--measurement",
  author_key = "--authorkey",
}

local function picked(args, names)
  local out = {}
  for key, name in pairs(names) do out[key] = args[name] end
  return out
end

--- A message of the Lua API with the options as the command line has them.
local function spelled(message)
  message = message:gsub("^%w+: ", ""):gsub("^id_block: ", "")
  return (message:gsub("%f[%w_][%w_]+%f[^%w_]", function(word)
    if SPELLED[word] then return SPELLED[word] end
    if word:find("_", 1, true) and (LAUNCH[word] or ID_BLOCK[word]) then
      return "--" .. word:gsub("_", "-")
    end
  end):gsub("^%f[%w](%w+)", function(word)
    if LAUNCH[word] or ID_BLOCK[word] then return "--" .. word end
  end))
end

local function usage(message)
  require("kavach.cli").complain("measure: " .. spelled(message) .. "; see kavach measure --help")
  return EXIT_USAGE
end

--- A launch digest that is given leaves nothing to measure.
local function given_problem(args)
  if not args.id_key then return "--measurement needs --idkey: an ID block is what it is for" end
  for key, name in pairs(LAUNCH) do
    if args[name] and key ~= "trace" then return key .. " is not used with --measurement" end
  end
end

--- What is only about an ID block, without the key to sign it.
local function key_problem(args)
  for key in pairs(ID_BLOCK) do
    if args[key] and not args.id_key then return key .. " needs --idkey" end
  end
end

local function dump_problem(args)
  local mode = args.plan and args.plan.mode
  if args.dump_vmsa and (not mode or mode == "sev" or mode == "snp:ovmf-hash") then
    return "--dump-vmsa: no CPU is measured" .. (mode and " in mode " .. mode or "")
  end
end

-- ---- output ------------------------------------------------------------------------------------

local function write_trace(trace)
  local snp = require "kavach.snp"
  for _, page in ipairs(trace or {}) do
    io.stderr:write(("%-10s 0x%012x %s\n"):format(page.name, page.gpa, snp.hex(page.digest)))
  end
end

local function dump_vmsas(args, result)
  for i = 0, args.vcpus - 1 do
    local name = ("vmsa%d.bin"):format(i)
    local file, why = io.open(name, "wb")
    local ok = file
    if file then
      ok, why = file:write(i == 0 and result.vmsa_bsp or result.vmsa_ap)
      local closed, message = file:close()
      if not closed then ok, why = nil, message end
    end
    if not ok then return require "kavach.err".fail("io", ("%s: %s"):format(name, why)) end
  end
  return true
end

local function document(args, digest, result, signed)
  local snp = require "kavach.snp"
  local out = { version = 1, digest = snp.hex(digest), digest_base64 = snp.base64(digest) }
  if result then
    out.mode = result.mode
    out.vcpus = args.vcpus
    out.vcpu_sig = result.vcpu_sig and ("0x%x"):format(result.vcpu_sig)
  end
  if signed then
    out.id_block, out.id_auth = snp.base64(signed.id_block), snp.base64(signed.id_auth)
    out.id_key_digest = snp.hex(signed.id_key_digest)
    out.author_key_digest = signed.author_key_digest and snp.hex(signed.author_key_digest)
  end
  return require "kavach.json".encode(out)
end

local function print_text(args, digest, signed)
  local snp = require "kavach.snp"
  local shown = args.output_format == "base64" and snp.base64 or snp.hex
  if not signed then
    io.stdout:write(shown(digest), "\n")
    return
  end
  io.stdout:write("digest ", shown(digest), "\nid-block ", snp.base64(signed.id_block),
    "\nid-auth ", snp.base64(signed.id_auth), "\nid-key-digest ", shown(signed.id_key_digest), "\n")
  if signed.author_key_digest then
    io.stdout:write("author-key-digest ", shown(signed.author_key_digest), "\n")
  end
end

local function print_all(args, digest, result, signed)
  if not args.json then
    print_text(args, digest, signed)
    return 0
  end
  local text, why = document(args, digest, result, signed)
  if not text then return nil, why end
  io.stdout:write(text, "\n")
  return 0
end

-- ---- the command -------------------------------------------------------------------------------

--- The measurement, or nothing if the digest is given; or nil and an error.
local function measured(args)
  local result, why = require "kavach.measure".start(args.plan)
  if not result then return nil, why end
  write_trace(result.trace)
  if args.dump_vmsa then
    local ok
    ok, why = dump_vmsas(args, result)
    if not ok then return nil, why end
  end
  return result
end

--- Checks everything before anything is read. Returns a message if it does not fit.
local function plan(args)
  local message
  if args.measurement then
    message = given_problem(args)
  else
    args.plan, message = require "kavach.measure".plan(picked(args, LAUNCH))
  end
  message = message or key_problem(args) or dump_problem(args)
  if message or not args.id_key then return message end
  if args.plan and (args.plan.mode == "sev" or args.plan.mode == "seves") then
    return "--idkey: an ID block is for SNP guests, not for mode " .. args.plan.mode
  end
  local id_options = picked(args, ID_BLOCK)
  id_options.digest = args.measurement or ("\0"):rep(48)
  args.id_plan, message = require "kavach.measure.id_block".plan(id_options)
  return message
end

local function run(args)
  local message = plan(args)
  if message then return usage(message) end
  local result, signed, why
  if args.plan then
    result, why = measured(args)
    if not result then
      if why.kind == "invalid_argument" then return usage(why.message) end
      return nil, why
    end
  end
  local digest = result and result.digest or args.id_plan.digest
  if args.id_plan then
    args.id_plan.digest = digest
    signed, why = require "kavach.measure.id_block".sign(args.id_plan)
    if not signed then return nil, why end
  end
  return print_all(args, digest, result, signed)
end

return {
  summary = "Compute launch digests, and sign ID blocks.",
  configure = configure,
  run = run,
}
