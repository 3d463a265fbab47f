--- `kavach run`: one command in a fresh sandbox.

local options = require "kavach.cli.options"

local MAX_OUTPUT <const> = 1024 * 1024 * 1024
local MAX_COPY <const> = 1 << 53

local function configure(parser)
  parser:description "Run one command in a fresh virtual machine."
  parser:argument("command", "A word alone is a line for the guest's /bin/sh; several words, or "
    .. "those behind --, are a program and its arguments."):args "*"
  require("kavach.cli.sandbox").configure(parser)
  require("kavach.cli.sandbox.name").configure(parser)
  parser:option("--timeout", "The time for boot and command: 500ms, 8s, 2m."):argname "TIME"
    :convert(options.duration)
  parser:option("--workdir", "The folder that the command starts in."):argname "DIR"
  parser:option("--user", "Whom it runs as: a name or number, also with :GROUP."):argname "USER"
  parser:option("--put", "Copy a file, a pipe (<(…)) or a folder into the guest before."):count "*"
    :argname "SRC:DST"
  parser:option("--get", "Copy a file or folder out of the guest afterwards."):argname "SRC:DST"
    :count "*"
  parser:option("--max-copy", "Bytes that each --put and --get may copy (default: 1 GiB).")
    :argname("BYTES"):convert(options.integer(0, MAX_COPY))
  parser:flag("-t --tty", "Give the command a terminal.")
  parser:option("--max-output", "Bytes to keep of each stream."):argname "BYTES"
    :convert(options.integer(0, MAX_OUTPUT))
  parser:flag("--dry-run", "Print QEMU's command line instead of running it.")
  parser:flag("--verbose", "Tell the steps of the boot, with their times.")
  parser:epilog [[
Without --json, output appears as it is made. With it, stdout and stderr are kept (1 MiB
of each unless --max-output says otherwise) and printed in the document. Standard input
goes to the command.

The first guest of a kind boots, and is saved; later ones start as copies of it, unless
--cold is given. kavach template looks after them.

Exit codes: the command's own; 128+N if signal N ended it; 124 the time was up; 125
kavach failed; 126 the command cannot be executed; 127 it was not found.

Examples:
   kavach run 'echo hi; uname -a'
   kavach run --timeout 10s --mount .:/src -- sha256sum /src/README.md
   tar c data | kavach run --memory 256 'tar t | wc -l']]
end

-- Of what the initramfs of a measured command is put together, which a verifier does again.
local function measured_parts(planned)
  local made = planned.measured
  if not made then return nil end
  local file <close> = require("kavach.core").file_open(made.initrd)
  local size = file and file:seek "end"
  return {
    initrd = made.initrd,
    append_base64 = size and require("kavach.sandbox.base64").encode(
      require("kavach.sandbox.measured").archive(made.payload, size)),
  }
end

local function dry_run(settings, as_json)
  local argv, planned = require("kavach.sandbox").dry_run(settings.sandbox)
  if not argv then return nil, planned end
  if as_json then
    local json = require "kavach.json"
    local document, why = json.encode {
      version = 1, argv = json.array(argv), measured = measured_parts(planned),
    }
    if not document then return nil, why end
    io.stdout:write(document, "\n")
  else
    io.stdout:write(require("kavach.sandbox.quote").words(argv), "\n")
  end
  return 0
end

local function run(args)
  -- First of all: an interrupt while the rest is loaded is one as well.
  local handlers <close> = require("kavach.cli.run.signals").catch()
  local settings, why = require("kavach.cli.run.settings").read(args)
  if not settings then
    return require("kavach.cli.run.session").fail({ settings = { json = args.json } }, why)
  end
  if args.dry_run then return dry_run(settings, args.json) end
  return require("kavach.cli.run.session").run(settings, handlers)
end

return {
  summary = "Run one command in a fresh virtual machine.",
  configure = configure,
  run = run,
  usage_exit = 125,
  failure_exit = 125,
}
