--- `kavach template build`: makes the template that starts with some options use.

local EXIT_USAGE <const> = 64
local VERSION <const> = 1

local function configure(parser)
  parser:description "Make the saved guest of which sandboxes with these options start as copies."
  require("kavach.cli.sandbox").configure(parser)
  require("kavach.cli.sandbox.name").configure(parser)
  parser:epilog [[
The options are those of kavach run and kavach start. What makes one guest differ from
another counts: QEMU, kernel and initramfs, the backend, processors and memory, and which
devices there are; the environment, the name and the limits within the guest do not. One
that is there is tried, and made again if it turns out bad.

Exit codes: 0 it is there, or was made; 1 none can be made; 64 usage.

Examples:
   kavach template build
   kavach template build --memory 1024 --mount .:/src --json]]
end

-- What a build has no use for, and why.
local REFUSED <const> = {
  { "cold", "a guest that boots in any case needs no template" },
  { "keep", "the guest that is booted for it has nothing to keep" },
}

local function complain(message)
  require("kavach.cli").complain("template build: " .. message)
  return EXIT_USAGE
end

local function print_json(built, made)
  local json = require "kavach.json"
  local text, why = json.encode {
    version = VERSION, made = made, template = require("kavach.cli.template.document")(built),
  }
  if not text then return nil, why end
  io.stdout:write(text, "\n")
  return 0
end

local function run(args)
  for _, each in ipairs(REFUSED) do
    if args[each[1]] then return complain(("--%s: %s"):format(each[1], each[2])) end
  end
  local options, misuse = require("kavach.cli.sandbox").read(args)
  if not options then return complain(misuse.message) end
  options.name = args.name
  local checked, wrong = require("kavach.sandbox.config").check(options) -- build would raise it
  if not checked then return nil, wrong end
  local built, made = require("kavach.sandbox.templates").build(options)
  if not built then return nil, made end
  if args.json then return print_json(built, made) end
  io.stdout:write(built.digest, made and " was made: " or " is there: ",
    require("kavach.cli.table").size(built.bytes), "\n")
  return 0
end

return {
  summary = "Make the saved guest that starts with these options use.",
  configure = configure,
  tells_failure = true,
  run = run,
}
