--- Programs that are run to their end, with what they print.

local child = require "kavach.process.child"
local core = require "kavach.core"
local task = require "kavach.task"

local SIGKILL <const>, SIGTERM <const> = 9, 15
-- For output after the end: a process outside the group may hold the pipe.
local DRAIN_MS <const> = 250

-- A program that is done sooner than this is not watched while it runs: its output waits in the
-- pipes. That saves the host one wake-up of two, and most of its system calls.
local WATCH_AFTER_MS <const> = 2

local OUTPUTS <const> = { "stdout", "stderr" }

local Process = child.class

-- A process of exec's. Where exec ends by an error, of its caller's function or because its task is
-- cancelled, it does not before the process has.
local Executed = setmetatable({ __name = Process.__name }, { __index = Process })
Executed.__index = Executed

function Executed:__close(failure)
  if failure ~= nil and not self.ended:is_set() then
    self:kill(SIGKILL)
    pcall(task.shield, self.wait, self)
  end
  self:close()
end

--- Gives bytes to who asked for them, or keeps what fits of an output's first `max`.
local function keep(output, bytes)
  if output.give then
    output.give(bytes)
    return
  end
  if #bytes > output.room then
    output.truncated = true
    bytes = bytes:sub(1, output.room)
  end
  if bytes == "" then return end
  output.room = output.room - #bytes
  output.parts[#output.parts + 1] = bytes
end

local function collect(output)
  while true do
    local bytes = output.stream:read()
    if not bytes then return end
    keep(output, bytes)
  end
end

local function feed(process, bytes)
  process.stdin:write(bytes) -- a program that does not read all of its input is not an error
  process.stdin:close()
end

--- Waits for the end, at most so long; then SIGTERM, and SIGKILL when the grace is over.
local function wait_or_end(process, timeout_ms, grace_ms)
  if not timeout_ms or process.ended:is_set() then return process:wait() end
  local timed_out = false
  local hard <close> = core.timer(timeout_ms + grace_ms, function() -- luacheck: ignore 211
    process:kill(SIGKILL)
  end)
  local soft <close> = core.timer(timeout_ms, function() -- luacheck: ignore 211
    timed_out = true
    process:kill(SIGTERM)
  end)
  local result, e = process:wait()
  if result and timed_out then result.timed_out, result.exit_code = true, -1 end
  return result, e
end

--- Collects all outputs, side by side. Returns the tasks, and a function that ends them.
local function start_collecting(outputs)
  local readers = {}
  for i, output in ipairs(outputs) do readers[i] = task.spawn(collect, output) end
  return readers, function()
    for _, reader in ipairs(readers) do reader:cancel() end
  end
end

--- Takes what is in the pipes of a process that has ended. False if one is still held open.
local function collect_rest(outputs)
  for _, output in ipairs(outputs) do
    repeat
      local bytes = output.stream.raw:try_read()
      if not bytes then return bytes == nil end
      if bytes ~= "" then keep(output, bytes) end
    until bytes == ""
  end
  return true
end

--- Runs a started process that is worth watching, or has input to be fed, to its end.
local function watch(process, options, outputs, started)
  if options.on_watched then options.on_watched() end
  return task.scope(function()
    local feeder = process.stdin and task.spawn(feed, process, options.stdin)
    local readers, stop = start_collecting(outputs)
    local left = options.timeout_ms > 0 and math.max(options.timeout_ms - (core.now() - started), 1)
    local result, e = wait_or_end(process, left, options.grace_ms)
    if feeder then feeder:cancel() end
    if not result then
      stop()
      return nil, e
    end
    local late <close> = core.timer(DRAIN_MS, stop) -- luacheck: ignore 211
    for _, reader in ipairs(readers) do reader:await() end
    return result
  end)
end

local function run(process, options, outputs)
  local started = core.now()
  if process.stdin then return watch(process, options, outputs, started) end
  local patience = options.watch_after_ms or WATCH_AFTER_MS
  if options.timeout_ms > 0 then patience = math.min(patience, options.timeout_ms) end
  local result, e = process.ended:wait(patience)
  if e or (result and collect_rest(outputs)) then return result, e end
  return watch(process, options, outputs, started)
end

--- Runs what is checked already: `options` is what command.exec_options makes of them, so that
--- `env` is a list. For who runs thousands of programs that differ in little. `watch_after_ms`: its
--- output may wait so long in the pipes. `on_watched()` is called once, if it runs longer, or is
--- watched for another reason (it is fed, or has left a pipe open).
---@param argv string[]
---@param options table
---@return table? result, kavach.Error? error
return function(argv, options)
  local input = options.stdin
  local begun = core.hrtime()
  local process, e = child.start(argv, {
    program = options.program, env = options.env, cwd = options.cwd,
    stdin = type(input) == "string" and "pipe" or input or "null",
    stdout = options.stdout, stderr = options.stderr,
  })
  if not process then return nil, e end
  local _ <close> = setmetatable(process, Executed)
  local outputs = {}
  for _, name in ipairs(OUTPUTS) do
    if process[name] then
      outputs[#outputs + 1] = {
        name = name, stream = process[name], room = options.max_output, parts = {},
        give = options["on_" .. name],
      }
    end
  end
  local result
  result, e = run(process, options, outputs)
  if not result then return nil, e end
  result.timed_out = result.timed_out or false
  result.stdout, result.stdout_truncated = "", false
  result.stderr, result.stderr_truncated = "", false
  for _, output in ipairs(outputs) do
    result[output.name] = table.concat(output.parts)
    result[output.name .. "_truncated"] = output.truncated or false
  end
  result.duration_ms = (core.hrtime() - begun) // 1000000
  return result
end
