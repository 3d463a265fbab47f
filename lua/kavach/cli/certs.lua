--- `kavach certs`: fetches what a verifier needs from AMD's key server, or a mirror of it.

local EXIT_USAGE <const> = 64
local ROLES <const> = { "vcek", "ask", "asvk", "ark", "crl" }

local function configure(parser)
  local options = require "kavach.cli.options"
  parser.interleaved = true
  parser:description "Fetch the certificates that go with a report, and keep them."
  parser:argument("action", "fetch."):choices { "fetch" }
  parser:argument("evidence", "A report, or anything else that kavach verify takes."):args "?"
  parser:option("--product", "Milan, Genoa or Turin; needed where a report does not tell."):argname
    "NAME"
  parser:option("--chip-id", "Instead of evidence: CHIP_ID in hex."):argname "HEX"
  parser:option("--tcb", "Instead of evidence: REPORTED_TCB, as 0x and 16 digits or "
    .. "boot_loader=N,tee=N,snp=N,microcode=N, on Turin also fmc=N."):argname "TCB"
  parser:flag("--vlek-chain", "Fetch the chain of VLEKs, and no VCEK.")
  parser:flag("--crl", "Fetch the revocation list, too.")
  parser:option("--kds", "A mirror of the key server."):argname "URL"
  parser:flag("--offline", "Never touch the network: only say what the cache has.")
  parser:option("--timeout", "For all of it: 500ms, 8s, 2m (2m)."):argname "TIME"
    :convert(options.duration)
  parser:option("--out", "Also write them here: vcek.pem, ask.pem, ark.pem, crl.der …"):argname
    "DIR"
  parser:epilog [[
Without evidence, --product names whose chain to fetch; with --chip-id and --tcb, its
VCEK, too.

What was fetched is checked to be what was asked for, and kept in
$XDG_CACHE_HOME/kavach/certs (or ~/.cache/kavach/certs), a mirror's apart from AMD's.
Certificates stay until they expire, revocation lists until their nextUpdate. None of
this makes them genuine: kavach verify decides that.

AMD's server (https://kdsintf.amd.com) gives one VCEK in about ten seconds. Where it
answers 429 or 5xx, kavach waits as long as it asks, or longer each time, and tries
again until --timeout. Plain http is used only if --kds says http://. Proxies are
those of https_proxy, http_proxy, all_proxy and no_proxy.

A report with a masked chip id, or signed by a VLEK, has no VCEK at the key server:
its certificate comes from the host.

It prints a line for each: what it is, whether the cache had it or the server, and
its file.

Exit codes: 0; 1 if something could not be had, or evidence be read; 64 usage.

Examples:
   kavach certs fetch report.bin --out certs
   kavach certs fetch --product Milan --crl]]
end

local function usage(message, ...)
  require("kavach.cli").complain(("certs: " .. message):format(...) .. "; see kavach certs --help")
  return EXIT_USAGE
end

-- ---- what to ask for ----------------------------------------------------------------------------

--- The request of a report in a file or folder.
local function request_of_evidence(path, product)
  local evidence, why = require("kavach.attest.evidence").load(path)
  if not evidence then return nil, why end
  if not evidence.report then
    local err = require "kavach.err"
    return err.fail("invalid_argument", path .. ": there is no report in it")
  end
  local known = evidence.product
  for _, certificate in ipairs(evidence.certificates) do
    local parsed = require("kavach.snp").certificate_parse(certificate.der)
    known = known or parsed and parsed.product
  end
  return require("kavach.attest.kds_request").request_of(evidence.report, product, known)
end

--- The request of --product, --chip-id and --tcb; or nil and a message.
local function request_of_options(args, product)
  local request = { product = product, vlek = args.vlek_chain }
  if not product then return nil, "give evidence, or --product" end
  if (args.chip_id == nil) ~= (args.tcb == nil) then
    return nil, "--chip-id and --tcb go together"
  end
  if not args.chip_id then return request end
  if args.vlek_chain then return nil, "--vlek-chain and --chip-id do not go together" end
  local chip_id, message = require("kavach.snp").unhex(args.chip_id)
  if not chip_id then return nil, "option '--chip-id': " .. message end
  message = require("kavach.attest.kds_request").chip_id_problem(product, chip_id)
  if message then return nil, "option '--chip-id': " .. message end
  request.chip_id = chip_id
  request.tcb, message = require("kavach.attest.tcb").parse(product, args.tcb)
  if not request.tcb then return nil, "option '--tcb': " .. message end
  return request
end

--- Checks the options. Returns a message, or nil and the product and server.
local function read_options(args)
  local product, server, message
  if args.product then
    product, message = require("kavach.attest.tcb").product(args.product)
    if message then return "option '--product': " .. message end
  end
  if args.kds then
    server, message = require("kavach.attest.kds_request").server(args.kds)
    if message then return "option '--kds': " .. message end
  end
  if args.evidence and (args.chip_id or args.tcb) then
    return "evidence has its own chip id and TCB: leave out --chip-id and --tcb"
  end
  if args.timeout == 0 then return "option '--timeout': 0 is too short" end
  return nil, product, server
end

-- ---- what to show -------------------------------------------------------------------------------

local function on_wait(url, status, ms)
  require("kavach.cli").complain(
    ("certs: %s: the server answers %d; trying again in %.1f s"):format(url, status, ms / 1000))
end

local function on_unkept(what, why)
  require("kavach.cli").complain(("certs: the %s is not kept in the cache: %s"):format(what, why))
end

local function write_files(dir, found)
  local core, pem, err = require "kavach.core", require "kavach.attest.pem", require "kavach.err"
  local ok, message, kind = core.private_directory(dir)
  if not ok then return err.fail(kind, message) end
  for _, role in ipairs(ROLES) do
    if found[role] then
      local der = found[role].der
      ok, message, kind = core.private_file(
        ("%s/%s"):format(dir, role == "crl" and "crl.der" or role .. ".pem"),
        role == "crl" and der or pem.encode(der))
      if not ok then return err.fail(kind, message) end
    end
  end
  return true
end

local function document(request, found)
  local snp = require "kavach.snp"
  local certificates = {}
  for role, item in pairs(found) do
    certificates[role] = {
      der = snp.base64(item.der), sha256 = snp.hex(snp.sha256(item.der)), source = item.source,
      url = item.url, path = item.path,
    }
  end
  return require("kavach.json").encode {
    version = 1, product = request.product, chip_id = request.chip_id and snp.hex(request.chip_id),
    reported_tcb = request.tcb
      and ("0x%016x"):format(snp.tcb_write(request.product, request.tcb)),
    certificates = certificates,
  }
end

local function show(args, request, found)
  if args.json then
    local text, why = document(request, found)
    if not text then return nil, why end
    io.stdout:write(text, "\n")
    return 0
  end
  for _, role in ipairs(ROLES) do
    local item = found[role]
    if item then
      io.stdout:write(("%-4s  %-6s  %s\n"):format(role, item.source,
      item.path or item.url))
    end
  end
  return 0
end

-- ---- the command --------------------------------------------------------------------------------

local function run(args)
  local message, product, server = read_options(args)
  if message then return usage("%s", message) end
  local request, why
  if args.evidence then
    request, why = request_of_evidence(args.evidence, product)
    if not request then return nil, why end
    if args.vlek_chain then request = { product = request.product, vlek = true } end
  else
    request, message = request_of_options(args, product)
    if not request then return usage("%s", message) end
  end
  if request.vlek and not args.vlek_chain then
    require("kavach.cli").complain("certs: a VLEK signed this report, which only its host can "
      .. "give; fetching the VLEK's chain")
  end
  local found
  found, why = require("kavach.attest.kds").fetch {
    product = request.product, chip_id = request.chip_id, tcb = request.tcb, vlek = request.vlek,
    crl = args.crl, offline = args.offline, server = server, timeout_ms = args.timeout,
    on_wait = on_wait, on_unkept = on_unkept,
  }
  if not found then return nil, why end
  if args.out then
    local ok
    ok, why = write_files(args.out, found)
    if not ok then return nil, why end
  end
  return show(args, request, found)
end

return {
  summary = "Fetch certificates from AMD's key server.",
  configure = configure,
  tells_failure = true,
  run = run,
}
