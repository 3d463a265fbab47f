--- `kavach emulator`: makes a platform emulator, and reports with it.

local launch = require "kavach.cli.measure.launch"
local options = require "kavach.cli.emulator.options"
local tcb_of -- kavach.attest.tcb, when it is needed

local EXIT_USAGE <const> = 64

local function usage(message, ...)
  require("kavach.cli").complain(("emulator: " .. message):format(...)
    .. "; see kavach emulator --help")
  return EXIT_USAGE
end

--- Prints a document. Returns the exit code.
local function print_json(document)
  local text, why = require("kavach.json").encode(document)
  if not text then return nil, why end
  io.stdout:write(text, "\n")
  return 0
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

local function init(args)
  local emulator = require "kavach.attest.emulator"
  local product = tcb_of.product(args.product or "milan")
  local tcb, message = read_tcb(product, args.tcb)
  local problem = args.chip_id and emulator.chip_id_problem(product, args.chip_id)
  if problem then message = message or "option '--chip-id': " .. problem end
  problem = args.csp_id and emulator.csp_id_problem(args.csp_id)
  if problem then message = message or "option '--csp-id': " .. problem end
  if message then return usage("%s", message) end
  local made, why = emulator.init {
    dir = args.dir, product = args.product, chip_id = args.chip_id, csp_id = args.csp_id,
    tcb = tcb, not_before = args.not_before, progress = progress(),
  }
  if not made then return nil, why end
  if args.json then
    return print_json {
      version = 1, dir = made.dir, product = made.product, simulated = true, tcb = made.tcb,
      chip_id = require("kavach.snp").hex(made.chip_id), csp_id = made.csp_id,
    }
  end
  io.stdout:write(("%s: a simulated %s platform, TCB %s\n"):format(made.dir, made.product,
    tcb_of.text(made.product, made.tcb)))
  return 0
end

-- ---- report ------------------------------------------------------------------------------------

--- Reads --field NAME=VALUE into `wanted`. Returns a message if it cannot be.
local function read_field(text, wanted)
  local name, value = text:match "^([%w_]+)=(.*)$"
  if not name then return ("option '--field': '%s' is not NAME=VALUE"):format(text) end
  local fields = require("kavach.attest.emulator_report").fields()
  local field = fields[name]
  if not field then
    local names = {}
    for known in pairs(fields) do names[#names + 1] = known end
    local nearest = require("kavach.check").nearest(name, names)
    return ("option '--field': a report has no '%s'%s"):format(name,
      nearest and (" (did you mean '%s'?)"):format(nearest) or "")
  end
  if wanted[name] ~= nil then return ("option '--field': '%s' is there twice"):format(name) end
  local read, message = (field.number and options.integer or options.hex(field.size))(value)
  if read == nil then return ("option '--field': %s: %s"):format(name, message) end
  wanted[name] = read
end

--- What the report is to be; or nil and a message.
local function read_report(args, product)
  if not args.report_data then return nil, "report needs --report-data" end
  local tcb, message = read_tcb(product, args.tcb)
  local wanted = { report_data = args.report_data, key = args.key, tcb = tcb }
  for _, field in ipairs(options.FIELDS) do wanted[field[1]] = args[field[1]] end
  for _, text in ipairs(args.field) do message = message or read_field(text, wanted) end
  wanted.measure = launch.picked(args)
  if message then return nil, message end
  if wanted.measure and wanted.measurement then
    return nil, ("--measurement and %s do not go together: one gives the launch digest, the other "
      .. "has it computed"):format(launch.OPTIONS[next(wanted.measure)])
  end
  return wanted
end

--- A message of the emulator's with options as they are called here.
local function spelled(message)
  local name, rest = message:match "^([%w_]+): (.*)$"
  if not name or name == "measure" then return launch.spelled(message) end
  for _, field in ipairs(options.FIELDS) do
    if field[1] == name then
      return ("option '--%s': %s"):format(name:gsub("_", "-"), rest)
    end
  end
  return "option '--field': " .. message
end

local function report(args)
  local platform, why = require("kavach.attest.emulator").open(args.dir)
  if not platform then return nil, why end
  local wanted, message = read_report(args, platform.product)
  if not wanted then return usage("%s", message) end
  local ok, problem = require("kavach.attest.emulator_report").read_options(wanted,
    platform.product)
  if not ok then return usage("%s", spelled(problem)) end
  local text
  text, why = platform:evidence(wanted)
  if not text then return nil, why end
  io.stdout:write(text, "\n")
  return 0
end

-- ---- certs -------------------------------------------------------------------------------------

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
  for i, role in ipairs(require("kavach.attest.roles").ALL) do
    list[i] = describe(role, platform.certificates[role])
  end
  if args.json then
    return print_json {
      version = 1, simulated = true, product = platform.product, certificates = list,
    }
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

local function crl(args)
  local platform, why = require("kavach.attest.emulator").open(args.dir)
  if not platform then return nil, why end
  if args.number and args.number < 0 then return usage "option '--number': at least 0" end
  local der
  der, why = platform:crl {
    revoked = args.revoke, number = args.number, this_update = args.this_update,
    next_update = args.next_update,
  }
  if not der then
    if why.kind == "invalid_argument" then return usage("%s", why.message) end
    return nil, why
  end
  if args.json then
    local snp = require "kavach.snp"
    local list = snp.crl_parse(der)
    return print_json {
      version = 1, simulated = true, product = platform.product, crl = snp.base64(der),
      this_update = time(list.this_update), next_update = time(list.next_update),
    }
  end
  io.stdout:write(require("kavach.attest.pem").encode(der, "X509 CRL"))
  return 0
end

-- ---- the command -------------------------------------------------------------------------------

local ACTIONS <const> = { init = init, report = report, certs = certs, crl = crl }

local function run(args)
  local option = options.misplaced(args)
  if option then return usage("option '%s' is not for %s", option, args.action) end
  tcb_of = require "kavach.attest.tcb"
  return ACTIONS[args.action](args)
end

return {
  summary = "Stand in for an SNP platform: simulated keys, certificates and reports.",
  configure = options.configure,
  tells_failure = true,
  run = run,
}
