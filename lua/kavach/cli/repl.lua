--- `kavach repl`: the prompt, of this process or of a host that runs already.

local FAILURE <const> = 1

local function configure(parser)
  parser:description "The prompt: Lua and dot commands, with completion, history and help."
  parser:option("--connect", "A host that runs already: a socket's path, the number of a process, "
    .. "or the name or id of a sandbox in it."):argname "WHERE"
  parser:epilog [[
Without --connect it is what kavach is on a terminal: a prompt of its own. With it the
entries are run in that host, beside what it does: its globals, its sandboxes, its
batch. Several may be connected; who leaves ends nothing but what was begun there.

At the prompt .help lists its commands, NAME? explains a part of kavach, and Ctrl-D
leaves.

Exit codes: 0 it was left; 1 there is no terminal or no such host, or the host has
ended; 64 usage.

Examples:
   kavach
   kavach repl --connect web
   kavach serve --no-sandbox --socket /tmp/host.sock &
   kavach repl --connect /tmp/host.sock]]
end

-- The connection to the host that is meant.
local function connect(where)
  local client = require "kavach.sandbox.control.client"
  if where:find("/", 1, true) then return client.open(where) end
  if where:find "^%d+$" then
    local start = require("kavach.proc").start_time(where)
    if start then return client.connect(where .. "-" .. start) end
  end
  local found, why = client.find(where)
  if not found then return nil, why end
  return client.connect(found.host)
end

-- Bytes from one side to the other, until one of them ends.
local function copy(from, to)
  for bytes in function() return (from:read()) end do
    if not to:write(bytes) then return end
  end
end

local function relay(connection)
  local call, why = connection:call("prompt", { terminal = os.getenv "TERM" })
  if not call then return nil, why end
  local front, talk = require("kavach.prompt").front_end()
  if not front then return require("kavach.err").fail("io", talk) end
  local task = require "kavach.task"
  task.scope(function(scope)
    task.spawn(function()
      copy(talk, call.input)
      call.input:close()
    end)
    copy(call.output, talk)
    scope:cancel()
  end)
  talk:close()
  local code = front:close()
  -- The host is there, but would not give a prompt.
  if call.cause and not call.result and not connection.lost then return nil, call.cause end
  return code
end

local function run(args)
  local core = require "kavach.core"
  if not (core.isatty(0) and core.isatty(1)) then
    return require("kavach.err").fail("io", "standard input and output must be a terminal")
  end
  if not args.connect then return require("kavach.prompt").run() end
  local connection <close>, why = connect(args.connect)
  if not connection then return nil, why end
  return relay(connection)
end

return {
  summary = "The prompt, of this process or of a host that runs.",
  configure = configure,
  run = run,
  failure_exit = FAILURE,
}
