--- `kavach serve`: a host with a sandbox that others connect to, in the foreground.

local FAILURE <const> = 125
local FAREWELL_MS <const>, HOUR_MS <const> = 2000, 3600000
local NOT_EXECUTABLE <const>, NOT_FOUND <const>, ENOENT <const> = 126, 127, 2

local function configure(parser)
  parser:description "Be the host of a sandbox that others reach, until it is stopped or dies."
  require("kavach.cli.start.settings").configure(parser)
  parser:option("--socket", "Listen on this socket as well, for kavach repl --connect.")
    :argname "PATH"
  parser:flag("--no-sandbox", "Be a host without one, until a signal ends it.")
  parser:flag("--detached", "Be what kavach start leaves behind."):hidden(true)
  parser:epilog [[
As kavach start, but this process is the host: for a terminal of its own, or a service
manager. The sandbox's name is printed when it is ready. SIGINT, SIGTERM and SIGHUP stop
it; a second one does not wait for the guest.

Exit codes: 0 it was stopped; 125 kavach failed; 126 the command cannot be executed; 127
it was not found.

Examples:
   kavach serve --name web --memory 256
   kavach serve --no-sandbox --socket /tmp/host.sock]]
end

local function failure_code(why)
  if not why.is_program then return FAILURE end
  return why.errno == ENOENT and NOT_FOUND or NOT_EXECUTABLE
end

-- ---- in the foreground -------------------------------------------------------------------------

local function announce(args, box)
  local json = require "kavach.json"
  local pid = require("kavach.core").getpid()
  io.stdout:write(args.json
    and assert(json.encode { version = 1, id = box.id, name = box.name or json.null, pid = pid })
    or box.name or box.id, "\n")
  io.stdout:flush()
end

-- Without a sandbox: until a signal comes.
local function wait_for_signal()
  local core, task = require "kavach.core", require "kavach.task"
  local over, handles = task.event(), {}
  for i, number in ipairs { 1, 2, 15 } do -- SIGHUP, SIGINT, SIGTERM
    handles[i] = core.signal(number, function() over:set(number) end)
  end
  repeat until over:wait(HOUR_MS) -- with a timer: signals alone do not keep a loop going
  for _, handle in ipairs(handles) do handle:close() end
end

local function serve_nothing(args)
  local control = require "kavach.sandbox.control"
  local ok, why = control.listen { path = args.socket }
  if not ok then return nil, why end
  local path = args.socket or control.path
  io.stdout:write(args.json and assert(require("kavach.json").encode {
    version = 1, pid = require("kavach.core").getpid(), socket = path,
  }) or path, "\n")
  io.stdout:flush()
  wait_for_signal()
  control.close(FAREWELL_MS)
  return 0
end

local OWN <const> = { no_sandbox = true, socket = true, json = true, log_format = true,
  words = true }

-- What was asked of a sandbox that there is not to be.
local function misplaced(args)
  for name, value in next, args do
    local is_set = value and (type(value) ~= "table" or #value > 0)
    if is_set and not OWN[name] then return name end
  end
end

local function serve(args)
  if args.no_sandbox then
    local name = misplaced(args)
    if not name then return serve_nothing(args) end
    return require("kavach.err").fail("invalid_argument",
      ("--no-sandbox: %s is for a sandbox"):format(
        name == "command" and "a command" or "--" .. name:gsub("_", "-")))
  end
  if args.socket then
    local ok, why = require("kavach.sandbox.control").listen { path = args.socket, serves = true }
    if not ok then return nil, why end
  end
  local settings, why = require("kavach.cli.start.settings").read(args)
  if not settings then return nil, why end
  local host = require("kavach.cli.start.host").new(settings)
  local ok
  ok, why = host:run(function(box) announce(args, box) end)
  local complain = require("kavach.cli").complain
  if host.kept then complain("serve: kept " .. host.kept) end
  if ok then return 0 end
  complain("serve: " .. require("kavach.sandbox.postmortem").report(why))
  return failure_code(why)
end

-- ---- left behind by kavach start ---------------------------------------------------------------

-- Takes the log by this process's name; it goes when the process ends.
local function own_log()
  local core, hosts = require "kavach.core", require "kavach.sandbox.control.hosts"
  local given = require("lfs").symlinkattributes("/proc/self/fd/1", "target")
  local own = hosts.log(hosts.own())
  if given and os.rename(given, own) then assert(core.own_file(own)) end
end

local function read_settings(channel)
  local words, why = require("kavach.cli.start.orders").receive(channel)
  if not words then return nil, why end
  local options = require "kavach.cli.options"
  local parser = options.parser("kavach start", require("kavach.cli.start.settings").configure)
  local args, message = options.parse(parser, words)
  if not args then return require("kavach.err").fail("invalid_argument", message) end
  return require("kavach.cli.start.settings").read(args)
end

-- A starter that is interrupted before the sandbox is ready does not want it.
local function watch(host, channel)
  require("kavach.sandbox.pipe").read(channel.raw, function() end, function()
    if not host.ready then host:give_up "kavach start was interrupted" end
  end)
end

local function serve_detached(channel)
  own_log()
  local settings, why = read_settings(channel)
  if not settings then return nil, why end
  local host = require("kavach.cli.start.host").new(settings)
  watch(host, channel)
  return host:run(function(box)
    require("lfs").chdir "/" -- or the folder that it was started in could not be unmounted
    require("kavach.cli.start.orders").answer(channel,
      { id = box.id, name = box.name, pid = require("kavach.core").getpid() })
  end)
end

local function be_left_behind()
  local err, orders = require "kavach.err", require "kavach.cli.start.orders"
  local channel, why = orders.channel()
  if not channel then return nil, why end
  local fine, ok, trouble = xpcall(serve_detached, function(e)
    return err.is(e) and e or err.new("io", debug.traceback(tostring(e), 2))
  end, channel)
  if fine and ok then return 0 end
  trouble = fine and trouble or ok
  local message = require("kavach.sandbox.postmortem").report(trouble)
  require("kavach.cli").complain("serve: " .. message)
  if not channel:is_closed() then
    orders.answer(channel, { exit_code = failure_code(trouble),
      error = { kind = trouble.kind, message = message } })
  end
  return failure_code(trouble)
end

local function run(args)
  if args.detached then return be_left_behind() end
  return serve(args)
end

return {
  summary = "Be the host of a sandbox that others reach.",
  configure = configure,
  run = run,
  usage_exit = FAILURE,
  failure_exit = FAILURE,
}
