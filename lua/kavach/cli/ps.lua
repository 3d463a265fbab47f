--- `kavach ps`: the sandboxes of this user that run.

local tables = require "kavach.cli.table"

local COMMANDS_SHOWN <const> = 40

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

local function commands(list)
  local plain, out = require "kavach.plain", {}
  for i, each in ipairs(list) do out[i] = plain.text(tostring(each.command)) end
  return tables.cut(table.concat(out, ", "), COMMANDS_SHOWN)
end

local function used(box)
  return box.pss_kb and tables.size(box.pss_kb * 1024) or "-"
end

local function row(box)
  return { box.name or "-", box.id, box.state, box.backend, ("%g"):format(box.cpus),
    ("%dM"):format(box.memory_mb), used(box), tables.age(box.age_ms), commands(box.commands) }
end

local HEAD <const> = { "NAME", "ID", "STATE", "BACKEND", "CPUS", "MEMORY", "USED", "AGE",
  "COMMANDS" }

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

local function run(args)
  local found, why = require("kavach.sandbox.control.client").look_around()
  if not found then return nil, why end
  if args.json then return print_json(found) end
  local rows = { not args.quiet and HEAD or nil }
  for _, each in ipairs(found) do
    if each.busy and not args.quiet then
      rows[#rows + 1] = { "-", each.host:match "^%d+", "busy" }
    end
    for _, box in ipairs(each.sandboxes) do
      rows[#rows + 1] = args.quiet and { box.name or box.id } or row(box)
    end
  end
  tables.print(rows)
  return 0
end

return {
  summary = "List the sandboxes that run.",
  configure = configure,
  tells_failure = true,
  run = run,
}
