--- `kavach doctor`: what works here, and what to do about what does not.

local function print_json(report)
  local json = require "kavach.json"
  local document = { version = report.version, ok = report.ok, checks = json.array() }
  document.backend = report.backend or json.null
  for i, check in ipairs(report.checks) do
    document.checks[i] = {
      name = check.name, required = check.required, ok = check.ok, found = check.found,
      advice = check.advice or json.null,
    }
  end
  local text, why = json.encode(document)
  if not text then return nil, why end
  io.stdout:write(text, "\n")
  return true
end

-- What is wrong and matters stands out; what is only not there does not.
local function mark(check)
  if check.ok then return "ok" end
  return check.required and "WRONG" or "no"
end

local function print_text(report)
  for _, check in ipairs(report.checks) do
    io.stdout:write(("%-6s %-8s %s\n"):format(mark(check), check.name, check.found))
    if check.advice then io.stdout:write((" "):rep(16), "-> ", check.advice, "\n") end
  end
  io.stdout:write("\n", report.ok
    and ("Sandboxes run here, with the backend %s."):format(report.backend)
    or "Sandboxes do not run here until what is WRONG is put right.", "\n")
  return true
end

local function run(args)
  local report = require("kavach.doctor").doctor()
  local ok, why = (args.json and print_json or print_text)(report)
  if not ok then return nil, why end
  return report.ok and 0 or 1
end

local function configure(parser)
  parser:description "Look at what sandboxes need here, and say what to do about what is not so."
  parser:epilog [[
Each line is ok, no (it would be of use, but sandboxes run without it) or WRONG.
Exit codes: 0 if sandboxes run here, 1 if not.

Examples:
   kavach doctor
   kavach doctor --json | jq -r '.checks[] | select(.ok | not).advice']]
end

return {
  summary = "Say what works here, and what to do about what does not.",
  configure = configure,
  run = run,
}
