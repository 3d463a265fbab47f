--- `kavach emulator`: makes a platform emulator, and reports with it.

local tcb_of -- kavach.attest.tcb, when it is needed

local EXIT_USAGE <const> = 64

-- ---- options -----------------------------------------------------------------------------------

--- A field of a report: its option, what it is in bytes (nil: a number), and a word about it.
local FIELDS <const> = {
  { "measurement", 48, "The launch digest (zeros unless given)." },
  { "host_data", 32, "HOST_DATA." },
  { "id_key_digest", 48, "ID_KEY_DIGEST." },
  { "author_key_digest", 48, "AUTHOR_KEY_DIGEST; sets AUTHOR_KEY_EN." },
  { "family_id", 16, "FAMILY_ID." },
  { "image_id", 16, "IMAGE_ID." },
  { "policy", nil, "The guest policy (0x30000)." },
  { "guest_svn", nil, "GUEST_SVN (0)." },
  { "vmpl", nil, "VMPL (0)." },
  { "version", nil, "The report's version, 2 to 5 (3; on Turin 5)." },
  { "platform_info", nil, "PLATFORM_INFO (0x25; of version 2, 0x1)." },
}

-- Which options belong to which action; --json and the like to all.
local BELONGS <const> = {
  product = "init", chip_id = "init", csp_id = "init", not_before = "init", tcb = "init report",
  report_data = "report", key = "report", field = "report", pem = "certs",
}
for _, field in ipairs(FIELDS) do BELONGS[field[1]] = "report" end

local function integer(text)
  local n = (text:find "^%-?%d+$" or text:find "^0[xX]%x+$" and #text <= 18) and tonumber(text)
  if math.type(n) == "integer" then return n end
  return nil, ("'%s' is not a whole number of at most 64 bits"):format(text)
end

--- Makes a converter of hex to bytes; `size` nil: any number of them.
local function hex(size)
  return function(text)
    local bytes, message = require("kavach.snp").unhex(text)
    if not bytes then return nil, message end
    if size and #bytes ~= size then
      return nil, ("%d bytes in hex are %d digits, not %d"):format(size, 2 * size, #text)
    end
    return bytes
  end
end

local function configure_init(parser)
  parser:option("--product", "milan, genoa or turin (milan)."):argname "NAME"
    :choices { "milan", "genoa", "turin" }
  parser:option("--chip-id", "64 bytes, on Turin 8, in hex (random)."):argname "HEX":convert(hex())
  parser:option("--csp-id", "The cloud provider that the VLEK names."):argname "TEXT"
  parser:option("--not-before", "When its certificates begin, in seconds since 1970 (now)."):argname
    "SECONDS":convert(integer)
  parser:option("--tcb", "Firmware versions, as PART=N,PART=N… or 0x and 16 digits. A report with "
    .. "others than the emulator's gets a key of its own."):argname "TCB"
end

local function configure(parser)
  parser.interleaved = true
  parser:description "A platform emulator: simulated keys that sign reports in the real formats."
  parser:argument("action", "init, report or certs."):choices { "init", "report", "certs" }
  parser:argument("dir", "The directory of the emulator.")
  configure_init(parser)
  parser:option("--report-data", "The 64 bytes that the report answers, in hex."):argname "HEX"
    :convert(hex(64))
  parser:option("--key", "What signs: vcek or vlek; none: nothing (vcek)."):argname "NAME"
    :choices { "vcek", "vlek", "none" }
  for _, field in ipairs(FIELDS) do
    parser:option("--" .. field[1]:gsub("_", "-"), field[3])
      :argname(field[2] and "HEX" or "N"):convert(field[2] and hex(field[2]) or integer)
  end
  parser:option("--field", "Any other field of a report, by the specification's name in lower "
    .. "case: a number, or bytes in hex."):argname "NAME=VALUE":count "*"
  parser:flag("--pem", "Of certs: print the certificates themselves.")
  parser:epilog [[
init    makes keys and certificates (ARK, ASK, ASVK, VCEK, VLEK) in a directory without any
report  prints a signed report with its certificates: an evidence bundle, for kavach verify
certs   prints what the certificates are

What it makes is simulated and says so: kavach verify takes it only with --emulator DIR and
a policy with simulated = "allowed". Whoever can read DIR can sign reports with its keys.

Exit codes: 0; 1 if a file cannot be read or written; 64 usage.

Examples:
   kavach emulator init platform --product genoa
   kavach emulator report platform --report-data "$(openssl rand -hex 64)" > evidence.json
   kavach emulator certs platform]]
end

-- ---- usage -------------------------------------------------------------------------------------

local function usage(message, ...)
  require("kavach.cli").complain(("emulator: " .. message):format(...)
    .. "; see kavach emulator --help")
  return EXIT_USAGE
end

--- The first option that the action has no use for.
local function misplaced(args)
  local names = {}
  for name in pairs(BELONGS) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    local given = args[name] and not (type(args[name]) == "table" and #args[name] == 0)
    if given and not (" " .. BELONGS[name] .. " "):find(" " .. args.action .. " ", 1, true) then
      return name
    end
  end
end

--- The text of --tcb as a table; nil without it. Returns a message second.
local function read_tcb(product, text)
  if not text then return nil end
  local tcb, message = tcb_of.parse(product, text)
  return tcb, message and "option '--tcb': " .. message
end

-- ---- init --------------------------------------------------------------------------------------

local function progress()
  if not require("kavach.core").isatty(2) then return nil end
  io.stderr:write "making keys"
  return function(done, all)
    io.stderr:write(("\rmaking keys: %d of %d%s"):format(done, all, done == all and "\n" or ""))
  end
end

--- What is wrong with a chip id that was given.
local function chip_id_problem(product, id)
  local size = product == "Turin" and 8 or 64
  if id and #id ~= size then
    return ("option '--chip-id': %d bytes on %s, not %d"):format(size, product, #id)
  elseif id and not id:find "[^\0]" then
    return "option '--chip-id': all zero is what a masked one looks like"
  end
end

local function init(args)
  local emulator = require "kavach.attest.emulator"
  local product = tcb_of.product(args.product or "milan")
  local tcb, message = read_tcb(product, args.tcb)
  message = message or chip_id_problem(product, args.chip_id)
  if args.not_before and args.not_before < 0 then
    message = "option '--not-before': times begin in 1970"
  end
  if message then return usage("%s", message) end
  local made, why = emulator.init {
    dir = args.dir, product = args.product, chip_id = args.chip_id, csp_id = args.csp_id,
    tcb = tcb, not_before = args.not_before, progress = progress(),
  }
  if not made then return nil, why end
  if args.json then
    io.stdout:write(require("kavach.json").encode {
      version = 1, dir = made.dir, product = made.product, simulated = true, tcb = made.tcb,
      chip_id = require("kavach.snp").hex(made.chip_id), csp_id = made.csp_id,
    }, "\n")
  else
    io.stdout:write(("%s: a simulated %s platform, TCB %s\n"):format(made.dir, made.product,
      tcb_of.text(made.product, made.tcb)))
  end
  return 0
end

-- ---- report ------------------------------------------------------------------------------------

--- Reads --field NAME=VALUE into `options`. Returns a message if it cannot be.
local function read_field(text, options)
  local name, value = text:match "^([%w_]+)=(.*)$"
  if not name then return ("option '--field': '%s' is not NAME=VALUE"):format(text) end
  local known
  local names = {}
  for _, field in ipairs(require("kavach.snp").report_fields()) do
    if not field.name:find "^signature_[rs]$" then
      names[#names + 1] = field.name
      if field.name == name then known = field end
    end
  end
  if not known then
    local nearest = require("kavach.check").nearest(name, names)
    return ("option '--field': a report has no '%s'%s"):format(name,
      nearest and (" (did you mean '%s'?)"):format(nearest) or "")
  end
  if options[name] ~= nil then return ("option '--field': '%s' is there twice"):format(name) end
  local read = known.number and integer or hex(known.size)
  local read_value, message = read(value)
  if read_value == nil then return ("option '--field': %s: %s"):format(name, message) end
  options[name] = read_value
end

--- Why a report cannot have these values: numbers that do not fit, fields of later versions.
local function report_problem(options, product)
  local version = options.version or (product == "Turin" and 5 or 3)
  if version < 2 or version > 5 then return "a report's version is 2 to 5" end
  for _, field in ipairs(require("kavach.snp").report_fields()) do
    local value = options[field.name]
    if value and field.since > version then
      return ("%s: only reports from version %d on have it"):format(field.name, field.since)
    end
    if value and field.number and field.size < 8 and (value < 0 or value >> 8 * field.size > 0) then
      return ("%s: does not fit in %d bits"):format(field.name, 8 * field.size)
    end
  end
end

local function report(args)
  if not args.report_data then return usage "report needs --report-data" end
  local platform, why = require("kavach.attest.emulator").open(args.dir)
  if not platform then return nil, why end
  local tcb, message = read_tcb(platform.product, args.tcb)
  local options = { report_data = args.report_data, key = args.key, tcb = tcb }
  for _, field in ipairs(FIELDS) do options[field[1]] = args[field[1]] end
  for _, text in ipairs(args.field) do message = message or read_field(text, options) end
  message = message or report_problem(options, platform.product)
  if message then return usage("%s", message) end
  local text
  text, why = platform:evidence(options)
  if not text then return nil, why end
  io.stdout:write(text, "\n")
  return 0
end

-- ---- certs -------------------------------------------------------------------------------------

local ROLES <const> = { "ark", "ask", "asvk", "vcek", "vlek" }

local function time(seconds) return os.date("!%Y-%m-%dT%H:%M:%SZ", seconds) end

local function describe(role, der)
  local snp = require "kavach.snp"
  local c = assert(snp.certificate_parse(der))
  return {
    role = role, subject = c.subject_cn, issuer = c.issuer_cn, not_before = time(c.not_before),
    not_after = time(c.not_after), sha256 = snp.hex(snp.sha256(der)),
    der = snp.base64(der),
  }
end

local function certs(args)
  local platform, why = require("kavach.attest.emulator").open(args.dir)
  if not platform then return nil, why end
  local list = require("kavach.json").array()
  for i, role in ipairs(ROLES) do list[i] = describe(role, platform.certificates[role]) end
  if args.json then
    io.stdout:write(require("kavach.json").encode {
      version = 1, simulated = true, product = platform.product, certificates = list,
    }, "\n")
    return 0
  end
  local pem = require "kavach.attest.pem"
  for _, c in ipairs(list) do
    if args.pem then
      io.stdout:write(pem.encode(platform.certificates[c.role]))
    else
      io.stdout:write(("%-4s  %-14s by %-14s %s to %s  sha256 %s (simulated)\n"):format(c.role,
        c.subject, c.issuer, c.not_before, c.not_after, c.sha256))
    end
  end
  return 0
end

-- ---- the command -------------------------------------------------------------------------------

local ACTIONS = { init = init, report = report, certs = certs }

local function run(args)
  local name = misplaced(args)
  if name then
    return usage("option '--%s' is not for %s", (name:gsub("_", "-")), args.action)
  end
  tcb_of = require "kavach.attest.tcb"
  return ACTIONS[args.action](args)
end

return {
  summary = "Stand in for an SNP platform: simulated keys, certificates and reports.",
  configure = configure,
  run = run,
}
