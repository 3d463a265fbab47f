--- `kavach verify`: evidence against an attestation policy.

local inputs = require "kavach.cli.verify.inputs"

local EXIT_USAGE <const> = 64

-- ---- options -----------------------------------------------------------------------------------

local function configure(parser)
  parser.interleaved = true
  parser:description "Judge SEV-SNP evidence by an attestation policy, offline."
  parser:argument("evidence", "A report, a folder, a certificate table behind a report, a JSON "
    .. "bundle …; or - for one evidence a line (JSON, hex or base64) on standard input."):args "+"
  parser:option("--policy", "A built-in policy (baseline, strict, development, seed-strict), or a "
    .. "file with one in Lua (.lua) or JSON."):argname "NAME|FILE"
  inputs.configure(parser)
  inputs.configure_log(parser)
  parser:epilog [[
Certificates that evidence does not bring are taken from what `kavach certs fetch` kept.
A pipe is read as a file if the shell hands it over, as /dev/stdin or <(…); a FIFO by
its name is refused.

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
   kavach verify - --json --decision-log decisions.jsonl < evidence.jsonl]]
end

-- ---- what it prints ----------------------------------------------------------------------------

-- A printer of decisions, which keeps what to exit with.
local function printer(args, many, log)
  local color = not args.json and inputs.wants_color()
  local style, seen = { color = color }, {}
  local self = {}
  local function sure(ok, message)
    if not ok then error(require("kavach.err").new("io", "standard output: " .. message), 0) end
  end
  function self.print(decision)
    log(decision)
    seen[inputs.EXITS[decision:outcome()]] = true
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

-- A policy and options for all evidence; or nil, an error, and what could not be loaded.
local function prepare(args, files)
  local policy, why = inputs.policy(args.policy, files)
  if not policy then return nil, why, "policy" end
  local options
  options, why = inputs.options(args)
  if not options then return nil, why, "trust" end
  return policy, options
end

local function complain(message)
  require("kavach.cli").complain("verify: " .. message)
end

local function run(args)
  args.policy = args.policy or "baseline"
  local files, misuse = inputs.data(args, { args.policy })
  if misuse then
    complain(misuse)
    return EXIT_USAGE
  end
  local many = #args.evidence > 1 or args.evidence[1] == "-"
  local log, unable = inputs.logger(args)
  if not log then return nil, unable end
  local out = printer(args, many, log)
  local policy, options, step = prepare(args, files)
  if not policy then
    if step == "policy" and not inputs.is_file(args.policy) then
      complain(options.message)
      return EXIT_USAGE
    end
    for _, path in ipairs(args.evidence) do
      out.print(require("kavach.attest.decision").denied({ name = args.policy }, options, step,
        path))
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
