--- `kavach ps`: the sandboxes of this user that run.

local tables = require "kavach.cli.table"

local function configure(parser)
  parser:description "List the sandboxes of this user that run, whatever program has them."
  parser:flag("-q --quiet", "Print the names alone, or the ids of those without one.")
  parser:epilog [[
USED is what a sandbox's QEMU takes of this machine's memory: what is its own, and its
part of what copies of a template share. A process that does not answer within a second is
shown as busy: it computes, or is stopped.

Exit codes: 0; 1 if the hosts cannot be listed; 64 usage.

Examples:
   kavach ps
   kavach ps --json
   kavach stop $(kavach ps -q)]]
end

local function print_json(found)
  local json, frame = require "kavach.json", require "kavach.sandbox.control.frame"
  local list, busy = json.array(), json.array()
  for _, each in ipairs(found) do
    if each.busy then busy[#busy + 1] = math.tointeger(each.host:match "^%d+") end
    for _, box in ipairs(each.sandboxes) do
      for _, field in ipairs { "name", "boot_ms", "qemu_pid", "pss_kb", "template" } do
        if box[field] == nil then box[field] = json.null end
      end
      list[#list + 1] = box
    end
  end
  local text, why = frame.message { version = 1, sandboxes = list, busy_pids = busy }
  if not text then return nil, why end
  io.stdout:write(text, "\n")
  return 0
end

local function names(found)
  local rows = {}
  for _, each in ipairs(found) do
    for _, box in ipairs(each.sandboxes) do rows[#rows + 1] = { box.name or box.id } end
  end
  return rows
end

local function run(args)
  local found, why = require("kavach.sandbox.control.client").look_around()
  if not found then return nil, why end
  if args.json then return print_json(found) end
  tables.print((args.quiet and names or require("kavach.cli.sandbox.listing").rows)(found))
  return 0
end

return {
  summary = "List the sandboxes that run.",
  configure = configure,
  tells_failure = true,
  run = run,
}
