--- `kavach measure`: launch digests, and ID blocks for them. The options are those of
--- sev-snp-measure and snp-create-id-block, so that scripts for these go on to work.

local launch = require "kavach.cli.measure.launch"

local EXIT_USAGE <const> = 64

-- ---- options -----------------------------------------------------------------------------------

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
    :convert(launch.unsigned(0xffffffff))
  parser:option("--policy", "The guest policy (default 0x30000)."):argname "N"
    :convert(launch.mask)
end

local function configure(parser)
  parser:description("Compute what MEASUREMENT of an attestation report will be for a guest that "
    .. "is launched so, and make ID blocks.")
  launch.configure(parser)
  configure_id_block(parser)
  parser:option("--output-format", "How digests are printed: hex (default) or base64.")
    :argname "FORMAT":choices { "hex", "base64" }
  parser:flag("--dump-vmsa", "Write the measured CPU states to vmsa0.bin, vmsa1.bin … here.")
  parser:flag("-v --verbose", "Tell each page of an snp launch on standard error.")
  parser:epilog [[
With --idkey it prints, each on a line of its own: digest, id-block and id-auth (in
base64, as QEMU's sev-snp-guest takes them), id-key-digest, and with --authorkey
author-key-digest.

Exit codes: 0; 1 if a file cannot be read or cannot be launched so; 64 usage.

Examples:
   kavach measure --vcpus 4 --vcpu-type EPYC-v4 --ovmf OVMF.amdsev.fd --kernel bzImage \
      --initrd initrd.img --append "console=ttyS0"
   kavach measure --mode snp:ovmf-hash --ovmf OVMF.fd
   kavach measure --measurement "$digest" --idkey id.pem --authorkey author.pem]]
end

-- ---- from words to options ----------------------------------------------------------------------

-- What is about an ID block: how messages of the Lua API call it, and the command line.
local ID_BLOCK <const> = {
  id_key = "--idkey", author_key = "--authorkey", family_id = "--family-id",
  image_id = "--image-id", guest_svn = "--guest-svn", policy = "--policy",
}
local SPELLED <const> = { digest = "--measurement" }
for key, option in pairs(ID_BLOCK) do SPELLED[key] = option end

local function usage(message)
  require("kavach.cli").complain("measure: " .. launch.spelled(message, SPELLED)
    .. "; see kavach measure --help")
  return EXIT_USAGE
end

--- A launch digest that is given leaves nothing to measure.
local function given_problem(args)
  if not args.id_key then return "--measurement needs --idkey: an ID block is what it is for" end
  local key = next(launch.picked(args) or {})
  if key then return key .. " is not used with --measurement" end
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
    local file, why = require("kavach.core").file_open(name, "w")
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
    local wanted = launch.picked(args) or {}
    wanted.trace = args.verbose
    args.plan, message = require "kavach.measure".plan(wanted)
  end
  message = message or key_problem(args) or dump_problem(args)
  if message or not args.id_key then return message end
  if args.plan and (args.plan.mode == "sev" or args.plan.mode == "seves") then
    return "--idkey: an ID block is for SNP guests, not for mode " .. args.plan.mode
  end
  local id_options = {}
  for key in pairs(ID_BLOCK) do id_options[key] = args[key] end
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
  tells_failure = true,
  run = run,
}
