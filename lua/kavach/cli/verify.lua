--- `kavach verify`: evidence against an attestation policy.

local EXIT_USAGE <const> = 64

-- ---- options -----------------------------------------------------------------------------------

local function nonce(text)
  if #text ~= 128 then
    return nil, ("a nonce is 64 bytes: 128 hex digits, not %d"):format(#text)
  end
  return require("kavach.snp").unhex(text)
end

local function data(text)
  local name, path = text:match "^([%a_][%w_]*)=(.+)$"
  if name then return { name = name, path = path } end
  return nil, ("'%s' is not NAME=FILE, where NAME has letters, digits and _"):format(text)
end

local function now(text)
  return require("kavach.attest.when").parse(text)
end

local function configure(parser)
  parser.interleaved = true
  parser:description "Judge SEV-SNP evidence by an attestation policy, offline."
  parser:argument("evidence", "A report, a folder, a certificate table behind a report, a JSON "
    .. "bundle …; or - for one evidence a line (JSON, hex or base64) on standard input."):args "+"
  parser:option("--policy", "A built-in policy (baseline, strict, development, seed-strict), or a "
    .. "file with one in Lua (.lua) or JSON."):argname "NAME|FILE"
  parser:option("--data", "Data for the rules of a policy in Lua: a file of JSON, by the name that "
    .. "they have for it."):argname "NAME=FILE":count "*":convert(data)
  parser:option("--nonce", "The 64 bytes that the report must answer."):argname "HEX":convert(nonce)
  parser:option("--now", "The time to verify at: seconds since 1970, or RFC 3339 (the clock's)."
    ):argname "TIME":convert(now)
  parser:option("--trust-root", "Trust this certificate, beside AMD's roots."):argname "CERT"
    :count "*"
  parser:option("--crl", "Check against this revocation list, too."):argname "FILE":count "*"
  parser:option("--product", "The processor must be milan, genoa or turin."):argname "NAME"
    :convert(function(name) return require("kavach.attest.tcb").product(name) end)
  parser:option("--emulator", "Trust the platform emulator in this directory, as far as the "
    .. "policy allows simulated evidence."):argname "DIR"
  parser:epilog [[
Certificates that evidence does not bring are taken from what `kavach certs fetch` kept.

Without --policy, `baseline` decides: genuine, VMPL 0, no debug, no migration agent, no
CXL, and of a VCEK's report a chip id that is not masked. Whether it is genuine is told
whatever the policy says. What was not checked is listed; it never counts as passed.

A policy in a file (a name with a dot or a slash) is a Lua script with rules:
   policy "web"
   expect { vmpl = { max = 0 }, guest_policy = { debug_allowed = false } }
   rule "we released the image" (function(e)
     return data.released[e.report.measurement] == true
   end)
or a JSON document that lists what it requires:
   { "format": "kavach-policy", "name": "web", "version": "3", "requires": {
       "vmpl": { "max": 0 }, "guest_policy": { "debug_allowed": false },
       "tcb": { "snp": { "min": 22 } }, "report_data": "nonce" } }

Of one evidence, all checks are printed; of several, or of standard input, one line each,
in their order. With --json, a document a line, with `version`.

Exit codes: 0 allowed; 1 unreadable, no certificate to verify with, or no evidence at all;
2 denied (also what does not parse, or load as a policy); of several, any 1 gives 1, else
any 2 gives 2; 64 usage.

Examples:
   kavach verify evidence.json --nonce "$(cat nonce.hex)"
   kavach verify report.bin vcek-folder/ --policy strict --now 2026-07-01T00:00:00Z
   kavach verify evidence.json --policy web.lua --data released=released.json
   kavach verify - --json < evidence.jsonl]]
end

-- ---- what it takes to judge --------------------------------------------------------------------

-- The files of --data by name; nil and a message if a name is there twice, or they are for nothing.
local function data_of(args)
  local files = {}
  for _, one in ipairs(args.data) do
    if files[one.name] then return nil, ("--data: there are two of '%s'"):format(one.name) end
    files[one.name] = one.path
  end
  if next(files) and not (args.policy or ""):find "%.lua$" then
    return nil, "--data is for the rules of a policy in Lua: --policy FILE.lua"
  end
  return files
end

-- What is named like a file is one; else a built-in policy of that name.
local function read_policy(args)
  local name = args.policy
  if name == nil then return require("kavach.attest.policy").baseline() end
  if not name:find "[/.]" then return require("kavach.attest.policy").named(name) end
  local policies = require "kavach.attest.policy"
  return policies.load(name, name:find "%.lua$" and { data = data_of(args) } or nil)
end

-- The bytes of files that hold `field`, or nil and an error that names the file.
local function read_files(paths, what, field)
  local err, evidence = require "kavach.err", require "kavach.attest.evidence"
  local out = {}
  for i, path in ipairs(paths) do
    local bytes, why = evidence.read(path)
    if not bytes then return nil, err.wrap(why, what) end
    local parts, message = require("kavach.snp").recognise(bytes)
    if parts and #(parts[field] or "") == 0 then message = "there is none in it" end
    if message then
      return err.fail("invalid_argument", ("%s: %s: %s"):format(what, path, message))
    end
    out[i] = bytes
  end
  return out
end

local function read_trust(args)
  local roots, crls, emulator, why
  roots, why = read_files(args.trust_root, "--trust-root", "certificates")
  if roots then crls, why = read_files(args.crl, "--crl", "crls") end
  if crls and args.emulator then
    emulator, why = require("kavach.attest.emulator").open(args.emulator)
  end
  if why then return nil, why end
  return require("kavach.attest.trust").new {
    roots = roots, crls = crls, emulator = emulator, cache = true,
  }
end

-- A policy and options for all evidence; or nil, an error, and what could not be loaded.
local function prepare(args)
  local policy, why = read_policy(args)
  if not policy then return nil, why, "policy" end
  local trust
  trust, why = read_trust(args)
  if not trust then return nil, why, "trust" end
  return policy, {
    trust = trust, nonce = args.nonce, now = args.now, product = args.product,
  }
end

-- ---- what it prints ----------------------------------------------------------------------------

local EXITS <const> = { allowed = 0, undecided = 1, denied = 2 }

local function wants_color()
  local no_color = os.getenv "NO_COLOR"
  return (no_color == nil or no_color == "") and require("kavach.core").isatty(1)
end

-- A printer of decisions, which keeps what to exit with.
local function printer(args, many)
  local color = not args.json and wants_color()
  local style, seen = { color = color }, {}
  local self = {}
  local function sure(ok, message)
    if not ok then error(require("kavach.err").new("io", "standard output: " .. message), 0) end
  end
  function self.print(decision)
    seen[EXITS[decision:outcome()]] = true
    local text
    if args.json then
      text = decision:to_json() .. "\n"
    elseif many then
      text = require("kavach.attest.explain").line(decision, style) .. "\n"
    else
      text = decision:to_text(style)
    end
    sure(io.stdout:write(text))
  end
  function self.flush()
    sure(io.stdout:flush())
  end
  function self.exit()
    self.flush()
    if not next(seen) then -- a pipe that brought nothing vouches for nothing
      require("kavach.cli").complain "verify: standard input: no evidence"
      return 1
    end
    return seen[1] and 1 or seen[2] and 2 or 0
  end
  return self
end

-- ---- one, and many -----------------------------------------------------------------------------

local function verify_one(path, policy, options, out)
  local evidence, why = require("kavach.attest.evidence").load(path)
  if evidence then
    out.print(require("kavach.attest.verify").verify(evidence, policy, options))
  else
    out.print(require("kavach.attest.decision").denied(policy, why, "evidence", path))
  end
end

local function verify_many(paths, policy, options, out)
  local items = require("kavach.attest.sources").of(paths)
  local idle = false
  local function next_item()
    if idle then out.flush() end -- what it gave is judged, and now it waits for more
    local item = items()
    idle = item == false
    return item
  end
  require("kavach.attest.bulk").each(next_item, policy, options, function(decision, item)
    decision.evidence.source, decision.evidence.line = item.source, item.line
    out.print(decision)
  end)
end

local function run(args)
  local _, misuse = data_of(args)
  if misuse then
    require("kavach.cli").complain("verify: " .. misuse)
    return EXIT_USAGE
  end
  local many = #args.evidence > 1 or args.evidence[1] == "-"
  local out = printer(args, many)
  local policy, options, step = prepare(args)
  if not policy then
    local why = options
    if step == "policy" and not args.policy:find "[/.]" then
      require("kavach.cli").complain(("verify: %s"):format(why.message))
      return EXIT_USAGE
    end
    local name = { name = args.policy or "baseline" }
    for _, path in ipairs(args.evidence) do
      out.print(require("kavach.attest.decision").denied(name, why, step, path))
    end
  elseif many then
    verify_many(args.evidence, policy, options, out)
  else
    verify_one(args.evidence[1], policy, options, out)
  end
  return out.exit()
end

return {
  summary = "Judge evidence by an attestation policy: allowed or denied, and why.",
  configure = configure,
  run = run,
}
