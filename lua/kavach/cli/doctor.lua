--- `kavach doctor`: what works here, and what to do about what does not.

local function print_json(report)
  local json = require "kavach.json"
  local document = { version = report.version, ok = report.ok, checks = json.array() }
  document.backend = report.backend or json.null
  for i, check in ipairs(report.checks) do
    document.checks[i] = {
      name = check.name, required = check.required, state = check.state, found = check.found,
      command = check.command or json.null, advice = check.advice or json.null,
    }
  end
  local text, why = json.encode(document)
  if not text then return nil, why end
  io.stdout:write(text, "\n")
  return true
end

local function print_text(report)
  io.stdout:write(require("kavach.doctor.show").text(report))
  return true
end

local function run(args)
  local report = require("kavach.doctor").doctor {
    backend = args.backend, probe = args.probe or false,
  }
  local ok, why = (args.json and print_json or print_text)(report)
  if not ok then return nil, why end
  return report.ok and 0 or 1
end

local function configure(parser)
  parser:description "Look at what sandboxes need here, and say what to do about what is not so."
  parser:option("--backend", "The one that is to run: auto (default), tcg, kvm or sev-snp.")
    :argname "NAME":choices { "auto", "tcg", "kvm", "sev-snp" }
  parser:flag("--probe", "Prove it: run a job in a sandbox.")
  parser:epilog [[
Each line is ok; warning: sandboxes run all the same; missing: of use, but they run
without it; or MISSING: the backend needs it. "$" is the command that mends it.
Exit codes: 0 if sandboxes run here (with --backend: with that one), 1 if not.

Examples:
   kavach doctor
   kavach doctor --backend kvm --probe
   kavach doctor --json | jq -r '.checks[] | select(.state != "ok").command']]
end

return {
  summary = "Say what works here, and what to do about what does not.",
  configure = configure,
  run = run,
}
