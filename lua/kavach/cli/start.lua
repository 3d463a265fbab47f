--- `kavach start`: a sandbox that lives on, under a host of its own.

local FAILURE <const> = 125

local function configure(parser)
  parser:description "Start a sandbox that lives on after this command."
  require("kavach.cli.start.settings").configure(parser)
  parser:epilog [[
The sandbox has a process of its own, which outlives the terminal. It ends when the
sandbox is stopped, powers itself off, or has lived for its --ttl; not when the command
ends. The name, or the id of one without, is printed when the sandbox is ready.

Exit codes: 0; 125 kavach failed; 126 the command cannot be executed; 127 it was not
found.

Examples:
   kavach start --name web --memory 256 --ttl 90m
   kavach start --name build -- sh -c 'make 2>&1'
   kavach exec web 'uname -a'
   kavach stop web]]
end

-- The host's own messages go there until it has a name for its log.
local function log_path()
  local hosts = require "kavach.sandbox.control.hosts"
  local folder, why = hosts.folder()
  if not folder then return nil, why end
  return hosts.log(hosts.own())
end

local function last_words(path)
  local file = io.open(path, "rb")
  local text = file and file:read "a":sub(-1000):gsub("%s+$", "") or ""
  if file then file:close() end
  return text
end

local function fail(args, code, e)
  require("kavach.cli").complain("start: " .. tostring(e.message))
  if args.json then
    local frame = require "kavach.sandbox.control.frame"
    io.stdout:write(assert(frame.message { version = 1, exit_code = code,
      error = { kind = e.kind, message = e.message } }), "\n")
  end
  return code
end

local function succeed(args, told)
  if args.json then
    io.stdout:write(assert(require("kavach.json").encode { version = 1, id = told.id,
      name = told.name or require("kavach.json").null, pid = told.pid }), "\n")
  else
    io.stdout:write(told.name or told.id, "\n")
  end
  return 0
end

local function run(args)
  local core, err = require "kavach.core", require "kavach.err"
  local orders, stream = require "kavach.cli.start.orders", require "kavach.stream"
  local settings, why = require("kavach.cli.start.settings").read(args)
  if not settings then return fail(args, FAILURE, why) end
  if args.keep then
    return fail(args, FAILURE, err.new("invalid_argument",
      "--keep: nobody would be told where it is; kavach serve does that"))
  end
  local program = core.program()
  if not program then
    return fail(args, FAILURE, err.new("io", "only the kavach program itself can do that"))
  end
  local log
  log, why = log_path()
  if not log then return fail(args, FAILURE, err.new("io", why)) end
  local raw, pid = core.detach({ program, "serve", "--detached" }, log)
  if not raw then return fail(args, FAILURE, err.new("io", pid)) end
  local channel <close> = stream.wrap(raw, "the new host")
  orders.send(channel, args.words) -- one that is gone by now does not answer either
  local told = orders.outcome(channel)
  if told and not told.error then return succeed(args, told) end
  local words = last_words(log)
  os.remove(log)
  if told then return fail(args, math.tointeger(told.exit_code) or FAILURE, told.error) end
  return fail(args, FAILURE, err.new("io", ("the host, process %d, ended before its sandbox was "
    .. "ready%s"):format(pid, words ~= "" and ": " .. words or "")))
end

return {
  summary = "Start a sandbox that lives on.",
  configure = configure,
  run = run,
  usage_exit = FAILURE,
  failure_exit = FAILURE,
}
