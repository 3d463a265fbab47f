--- `kavach policy explain`: a decision, with every requirement and rule.

local inputs = require "kavach.cli.verify.inputs"

local EXIT_USAGE <const> = 64

local function configure(parser)
  parser.interleaved = true
  parser:description "Explain the decision of a policy about one piece of evidence."
  parser:argument("policy", "A file (.lua, or JSON), or a built-in policy: baseline, strict, "
    .. "development, seed-strict.")
  parser:argument("evidence", "What kavach verify takes: a report, a folder, a JSON bundle …")
  inputs.configure(parser)
  inputs.configure_log(parser)
  parser:epilog [[
Each requirement (of `expect`) and each rule is marked: met or not, with what was expected
and what was found, and of a rule that denies the fields that it read. Checks of
authenticity are listed if they fail. With --json, the document of kavach verify.

Exit codes: 0 allowed; 1 unreadable, or no certificate to verify with; 2 denied, also
what does not load as a policy; 64 usage.

Examples:
   kavach policy explain strict evidence.json
   kavach policy explain prod.lua evidence.json --data released=released.json
   kavach policy explain scripts/policies/strict.lua report-folder/ --json]]
end

local function complain(message)
  require("kavach.cli").complain("policy explain: " .. message)
end

local function decide(args, policy, options)
  local evidence, why = require("kavach.attest.evidence").load(args.evidence)
  if evidence then return require("kavach.attest.verify").verify(evidence, policy, options) end
  return require("kavach.attest.decision").denied(policy, why, "evidence", args.evidence)
end

-- The decision; nil and an error if the policy is none that there is.
local function judge(args, files)
  local denied = require("kavach.attest.decision").denied
  local policy, why = inputs.policy(args.policy, files)
  if not policy then
    if not inputs.is_file(args.policy) then return nil, why end
    return denied({ name = args.policy }, why, "policy", args.evidence)
  end
  local options
  options, why = inputs.options(args)
  if not options then return denied(policy, why, "trust", args.evidence) end
  return decide(args, policy, options)
end

local function run(args)
  local files, misuse = inputs.data(args, { args.policy })
  if misuse then
    complain(misuse)
    return EXIT_USAGE
  end
  local log, unable = inputs.logger(args)
  if not log then return nil, unable end
  local decision, why = judge(args, files)
  if not decision then
    complain(why.message)
    return EXIT_USAGE
  end
  log(decision)
  local text
  if args.json then
    text = decision:to_json() .. "\n"
  elseif decision.error then
    text = decision:to_text { color = inputs.wants_color() }
  else
    text = require("kavach.attest.explain_policy").text(decision, { color = inputs.wants_color() })
  end
  io.stdout:write(text)
  return inputs.EXITS[decision:outcome()]
end

return {
  summary = "A decision, with every requirement and rule.",
  configure = configure,
  run = run,
}
