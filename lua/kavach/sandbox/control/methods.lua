-- The methods that every host has. `id` is a sandbox's, as ps tells it.
--
--   ps                        sandboxes: what there is to know of each
--   exec    id, command, …    runs a command: its streams are the call's. Notes to it: signal
--                             (9 ends all of the command), rows and columns; from it: pid. The
--                             result is what the command's exit is in Lua
--   logs    id, console, follow   output: what the command of `kavach start` printed, or the lines
--                             of the guest's console. The result: lost, the bytes not kept any more
--   stop    id, grace_ms      asks the guest to power off, and ends it when the time is up, or
--                             when the call is cancelled
--   destroy id                ends it
--   pause, resume  id         has its machine stand still, and go on
--   prompt                    a prompt in this host: input and output are what its front end and it
--                             say to each other, as core/prompt/protocol.h has it

local core = require "kavach.core"
local err = require "kavach.err"
local json = require "kavach.json"
local frame = require "kavach.sandbox.control.frame"
local registry = require "kavach.sandbox.registry"
local server = require "kavach.sandbox.control.server"
local task = require "kavach.task"

local SIGNAL_MOST <const> = 64
local SIGKILL <const> = 9
local SIDE_MOST <const> = 65535
local MS_MOST <const> = 10 * 366 * 24 * 3600 * 1000
local COMMAND_SHOWN <const> = 200

local ID = { type = "string", required = true }

-- ---- ps ----------------------------------------------------------------------------------------

local function shown(channel)
  local line = channel.shell and channel.argv[1]
    or require("kavach.sandbox.quote").words(channel.argv)
  return line:sub(1, COMMAND_SHOWN)
end

-- The commands that run: channels of the agent's connection that have an argv.
local function commands(box)
  local list = json.array()
  for number, channel in next, box.vm.agent.channels do
    if channel.argv then
      list[#list + 1] = { command = shown(channel), pid = channel.pid, number = number }
    end
  end
  table.sort(list, function(a, b) return a.number < b.number end)
  return list
end

-- What a process really has in memory, in KiB: all that is its own, and its part of what it shares
-- with others, as copies of one template do. nil if the system does not tell.
local function pss_kb(pid)
  local file <close> = pid and io.open(("/proc/%d/smaps_rollup"):format(pid), "rb") or nil
  local text = file and file:read "a"
  return text and math.tointeger(tonumber(text:match "\nPss:%s*(%d+) kB"))
end

-- The digest of the template that it is a copy of. One that was made of it is not.
local function copied(box)
  local template = box.template
  return template and not template.made and template.digest or nil
end

local function describe(box)
  local vm = box.vm
  local qemu_pid = vm.child and vm.child:pid()
  return {
    id = box.id, name = box.name, state = box:state(), backend = box.backend,
    confidential = box.confidential, cpus = box.config.cpu_limit,
    memory_mb = box.config.memory_limit_mb, boot_ms = vm.boot_ms,
    created_ms = box.created_ns // 1000000, age_ms = core.now() - vm.started,
    host_pid = core.getpid(), qemu_pid = qemu_pid, pss_kb = pss_kb(qemu_pid),
    template = copied(box), commands = commands(box),
  }
end

server.register("ps", {
  params = {},
  run = function()
    local list = json.array()
    for i, box in ipairs(registry.list()) do list[i] = describe(box) end
    return { sandboxes = list }
  end,
})

-- ---- exec --------------------------------------------------------------------------------------

local function copy(from, to)
  while true do
    local bytes = from:read()
    if not bytes then return to:close() end
    if not to:write(bytes) then return from:discard() end
  end
end

local function copy_input(call, running)
  while true do
    local bytes = call.input:read(frame.DATA_MAX)
    if not bytes then return running:close_stdin() end
    if not running:write(bytes) then return call:refuse_input() end
  end
end

local function is_between(value, least, most)
  return math.type(value) == "integer" and value >= least and value <= most
end

local function take_note(running, note)
  if note.signal == SIGKILL then
    running:kill()
  elseif is_between(note.signal, 1, SIGNAL_MOST) then
    running:signal(note.signal)
  elseif is_between(note.rows, 1, SIDE_MOST) and is_between(note.columns, 1, SIDE_MOST) then
    running:resize(note.rows, note.columns)
  end
end

local function environment(list)
  local env = {}
  for _, entry in ipairs(list or {}) do
    local name, value = entry:match "^([^=]+)=(.*)$"
    if not name then return err.fail("invalid_argument", "exec: env: a variable without a name") end
    env[name] = value
  end
  return env
end

local function run_command(call, running)
  call:on_note(function(note) take_note(running, note) end)
  local input = task.spawn(copy_input, call, running)
  local output = task.spawn(copy, running.stdout, call.output)
  local errors = task.spawn(copy, running.stderr, call.errors)
  local ok, why = running:wait_started()
  if ok then call:note { pid = running.pid } end
  output:await()
  errors:await()
  local exit
  if ok then exit, why = running:wait() end
  input:cancel()
  return exit, why
end

local size = { type = "integer", min = 1, max = SIDE_MOST, required = true }

server.register("exec", {
  params = {
    id = ID, command = { type = { "string", "table" }, required = true },
    env = { list = "string" }, cwd = "string", user = "string",
    pty = { fields = { rows = size, columns = size } },
  },
  run = function(params, call)
    local box, why = registry.find(params.id)
    local env
    if box then env, why = environment(params.env) end
    if not env then return nil, why end
    local running <close>, trouble = box:start(params.command,
      { env = env, cwd = params.cwd, user = params.user, pty = params.pty })
    if not running then return nil, trouble end
    return run_command(call, running)
  end,
})

-- ---- logs --------------------------------------------------------------------------------------

-- Sends what is there, and with `follow` what comes. `since(seen)` gives it.
local function send_log(call, source, since, ended, follow)
  local seen, lost = 0, 0
  repeat
    local bytes, gone
    bytes, seen, gone = since(seen)
    lost = lost + gone
    if bytes ~= "" and not call.output:write(bytes) then break end
    if bytes == "" then
      if ended() or not follow then break end
      source.changed:wait()
    end
  until false
  return { lost = lost }
end

server.register("logs", {
  params = { id = ID, console = "boolean", follow = "boolean" },
  run = function(params, call)
    local box, why = registry.find(params.id)
    if not box then return nil, why end
    if not params.console then
      local log = box.log
      if not log then
        return err.fail("invalid_argument",
          "it was not started with a command; --console shows what the guest itself prints")
      end
      return send_log(call, log, function(seen) return log:since(seen) end,
        function() return log.ended end, params.follow)
    end
    local console = box.vm.console
    return send_log(call, console, function(seen)
      local lines, now = console:since(seen)
      return #lines > 0 and table.concat(lines, "\n") .. "\n" or "", now, 0
    end, function() return box.vm.ended ~= nil end, params.follow)
  end,
})

-- ---- its life ----------------------------------------------------------------------------------

local function on_box(name, params, act)
  params.id = ID
  server.register(name, {
    params = params,
    run = function(given)
      local box, why = registry.find(given.id)
      if not box then return nil, why end
      local ok
      ok, why = act(box, given)
      if not ok then return nil, why end
      return { id = given.id }
    end,
  })
end

on_box("stop", { grace_ms = { type = "integer", min = 0, max = MS_MOST } }, function(box, given)
  local state = box:state()
  if state == "stopped" then return true end
  -- While it boots there is nobody who could be asked to power off.
  if state == "created" then return box:destroy() end
  return box:stop(given.grace_ms)
end)

on_box("destroy", {}, function(box) return box:destroy() end)

on_box("pause", {}, function(box) return box:pause() end)

on_box("resume", {}, function(box) return box:resume() end)
