--- `kavach logs`: what a sandbox's command, or its guest, has printed.

local function configure(parser)
  parser.interleaved = true
  parser:description "Show what the command that a sandbox was started with has printed."
  parser:argument("sandbox", "Its name or id, as kavach ps shows them.")
  parser:flag("-f --follow", "Go on, until the command or the sandbox ends.")
  parser:flag("--console", "Show the last lines of the guest's console instead.")
  parser:epilog [[
The host keeps the last MiB of the output, and the last 50 lines of the console. On a
terminal what could move its cursor is escaped; elsewhere the bytes are as they came.

Exit codes: 0; 1 if there is no such sandbox or log; 64 usage.

Examples:
   kavach logs build
   kavach logs -f build
   kavach logs --console web]]
end

local function copy_to_terminal(call, out)
  local lines = require("kavach.sandbox.lines").new()
  repeat
    local bytes = call.output:read()
    local ok, why = out:write(bytes and lines:feed(bytes) or lines:finish())
    if not ok then return nil, why end
  until not bytes
  return true
end

local function copy(call)
  local out, why = require("kavach.stream").stdout()
  if not out then return nil, why end
  if require("kavach.core").isatty(1) then return copy_to_terminal(call, out) end
  while true do
    local bytes = call.output:read()
    if not bytes then return true end
    local ok
    ok, why = out:write(bytes)
    if not ok then return nil, why end
  end
end

local function document(call, name)
  local parts = {}
  for bytes in function() return call.output:read() end do parts[#parts + 1] = bytes end
  local result, why = call:wait()
  if not result then return nil, why end
  local text, encoding = require("kavach.sandbox.result").encoded(table.concat(parts))
  local line
  line, why = require("kavach.json").encode { version = 1, sandbox = name, output = text,
    output_encoding = encoding, lost = result.lost }
  if not line then return nil, why end
  io.stdout:write(line, "\n")
  return 0
end

local function run(args)
  local client = require "kavach.sandbox.control.client"
  local found, why = client.find(args.sandbox)
  if not found then return nil, why end
  local connection <close>, trouble = client.connect(found.host)
  if not connection then return nil, trouble end
  local call
  call, why = connection:call("logs",
    { id = found.box.id, console = args.console, follow = args.follow })
  if not call then return nil, why end
  if args.json then return document(call, args.sandbox) end
  local ok
  ok, why = copy(call)
  -- Who reads no further has seen enough.
  if not ok and tostring(why):find("Broken pipe", 1, true) then return 0 end
  local result
  if ok then result, why = call:wait() end
  if not result then return nil, why end
  if (result.lost or 0) > 0 then
    require("kavach.cli").complain(("logs: %d bytes before these are not kept any more"):format(
      result.lost))
  end
  return 0
end

return {
  summary = "Show what a sandbox has printed.",
  configure = configure,
  tells_failure = true,
  run = run,
}
