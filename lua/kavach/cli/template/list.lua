--- `kavach template list`: the templates that there are.

local tables = require "kavach.cli.table"

local VERSION <const> = 1
-- Of a digest, a word of QEMU's, a path, and a reason.
local DIGEST_SHOWN <const>, WORD_SHOWN <const>, PATH_SHOWN <const>, REASON_SHOWN <const> =
  12, 12, 32, 120

local HEAD <const> =
  { "DIGEST", "QEMU", "BACKEND", "CPUS", "MEMORY", "SIZE", "UNUSED", "KERNEL", "STATE" }

local function configure(parser)
  parser:description "List the saved guests of which sandboxes start as copies."
  parser:epilog [[
SIZE is what one takes on the disk, UNUSED for how long none was started of it. One that
is bad was damaged, or did not start; it is not used. The next start of its kind makes
another, three times in a row: none is made then until they are cleared.

Exit codes: 0; 1 if they cannot be listed; 64 usage.

Examples:
   kavach template list
   kavach template list --json | jq '[.templates[].bytes] | add']]
end

local function word(text, most)
  return text and tables.cut(require("kavach.plain").text(text), most or WORD_SHOWN) or "-"
end

-- What it ends with tells more than what it begins with.
local function path(text)
  if not text then return "-" end
  text = require("kavach.plain").text(text)
  local length = utf8.len(text)
  if length <= PATH_SHOWN then return text end
  return "…" .. text:sub(utf8.offset(text, length - PATH_SHOWN + 2))
end

local function row(one, now)
  return {
    one.digest:sub(1, DIGEST_SHOWN), word(one.qemu_version), word(one.backend),
    one.cpus and tostring(one.cpus) or "-",
    one.memory_mb and ("%dM"):format(one.memory_mb) or "-",
    tables.size(one.bytes), tables.age((now - one.used) * 1000), path(one.kernel),
    one.bad and "bad: " .. word(one.bad, REASON_SHOWN) or "ok",
  }
end

local function print_json(list)
  local json = require "kavach.json"
  local templates = json.array()
  for i, one in ipairs(list) do templates[i] = require("kavach.cli.template.document")(one) end
  local text, why = json.encode { version = VERSION, templates = templates }
  if not text then return nil, why end
  io.stdout:write(text, "\n")
  return 0
end

local function run(args)
  local list, why = require("kavach.sandbox.templates").list()
  if not list then return nil, why end
  if args.json then return print_json(list) end
  local rows, now = { HEAD }, os.time()
  for _, one in ipairs(list) do rows[#rows + 1] = row(one, now) end
  tables.print(rows)
  return 0
end

return {
  summary = "List the saved guests.",
  configure = configure,
  tells_failure = true,
  run = run,
}
