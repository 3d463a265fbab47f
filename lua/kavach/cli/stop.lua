--- `kavach stop`: the end of sandboxes.

local options = require "kavach.cli.options"

local EXIT_USAGE <const> = 64
local GRACE_MS <const> = 5000
-- What a host may take beyond the grace: killing QEMU, removing its directory, ending.
local MORE_MS <const> = 15000

-- A process that is not a child cannot be waited for.
local POLL_MS <const> = 5

local function configure(parser)
  parser.interleaved = true
  parser:description "Stop sandboxes: the guest is asked to power off, then killed."
  parser:argument("sandboxes", "Their names or ids, as kavach ps shows them."):args "*"
  parser:flag("--all", "Stop all of this user's.")
  parser:option("--grace", "How long the guest may take: 500ms, 8s, 2m (default: 5s).")
    :argname "TIME":convert(options.duration)
  parser:epilog [[
Waits until they are gone, with the process that kavach start has left for each. What else
has sandboxes, a script or kavach run, goes on without them.

Exit codes: 0; 1 if one is not there or could not be stopped; 64 usage.

Examples:
   kavach stop web build
   kavach stop --grace 0s web
   kavach stop --all]]
end

-- Stops one: true, or nil and why. A process that has nothing else is gone when this returns.
local function stop(entry, grace_ms)
  local client = require "kavach.sandbox.control.client"
  local err = require "kavach.err"
  local connection <close>, why = client.connect(entry.host)
  if not connection then return nil, why end
  local limit = grace_ms + MORE_MS
  local result
  result, why = client.ask(connection, "stop", { id = entry.box.id, grace_ms = grace_ms }, limit)
  if not result then
    -- It ended by itself meanwhile: that is what was asked for.
    if connection.lost and not require("kavach.sandbox.control.hosts").alive(entry.host) then
      return true
    end
    return nil, why
  end
  if not connection.hello.serves then return true end
  local hosts, task = require "kavach.sandbox.control.hosts", require "kavach.task"
  local deadline = task.now() + limit
  connection.changed:until_true(function() return connection.lost end, deadline)
  while hosts.alive(entry.host) do
    if task.now() > deadline then
      return err.fail("timeout", "it is stopped, but its process does not end")
    end
    task.sleep(POLL_MS)
  end
  return true
end

local function chosen(args)
  local client = require "kavach.sandbox.control.client"
  local list, failures = {}, {}
  if args.all then
    local found, why = client.look_around()
    if not found then return nil, nil, why end
    for _, each in ipairs(found) do
      if each.busy then
        failures[#failures + 1] = { sandbox = "those of process " .. each.host:match "^%d+",
          message = "it is busy: it does not answer" }
      end
      for _, box in ipairs(each.sandboxes) do list[#list + 1] = { host = each.host, box = box } end
    end
    return list, failures
  end
  for _, name in ipairs(args.sandboxes) do
    local entry, why = client.find(name)
    if entry then
      entry.asked = name
      list[#list + 1] = entry
    else
      failures[#failures + 1] = { sandbox = name, message = tostring(why) }
    end
  end
  return list, failures
end

local function report(args, stopped, failures)
  local complain = require("kavach.cli").complain
  for _, failure in ipairs(failures) do
    complain(("stop: %s: %s"):format(failure.sandbox, failure.message))
  end
  if args.json then
    local json, frame = require "kavach.json", require "kavach.sandbox.control.frame"
    local text, why = frame.message { version = 1, stopped = json.array(stopped),
      failed = json.array(failures) }
    if not text then return nil, why end
    io.stdout:write(text, "\n")
  else
    for _, name in ipairs(stopped) do io.stdout:write(name, "\n") end
  end
  return #failures > 0 and 1 or 0
end

local function run(args)
  local task = require "kavach.task"
  if (#args.sandboxes > 0) == (args.all or false) then
    require("kavach.cli").complain("stop: " .. (args.all and "names and --all exclude each other"
      or "which? name them, or say --all") .. "; see kavach stop --help")
    return EXIT_USAGE
  end
  local list, failures, why = chosen(args)
  if not list then return nil, why end
  local stopped = {}
  task.map(list, nil, function(entry)
    local ok, trouble = stop(entry, args.grace or GRACE_MS)
    local name = entry.asked or entry.box.name or entry.box.id
    if ok then
      stopped[#stopped + 1] = name
    else
      failures[#failures + 1] = { sandbox = name, message = tostring(trouble) }
    end
  end)
  table.sort(stopped)
  return report(args, stopped, failures)
end

return {
  summary = "Stop sandboxes.",
  configure = configure,
  tells_failure = true,
  run = run,
}
