--- The agent itself, run on this machine without a VM (its --socket mode), and a connection to it.

local agent = require "kavach.sandbox.agent"
local command = require "kavach.sandbox.command"
local core = require "kavach.core"
local pair = require "support.pair"
local task = require "kavach.task"

local M = {}

M.program = core.helper_dir() .. "/agent"

--- Starts one that serves this end of a socket, which it closes here.
---@param cgroups? string the folder that it takes for the top of the control groups
---@param measured? string the file of the command that is all it may run
---@return userdata child
---@return kavach.Event ended what core.spawn tells of its end
function M.spawn(socket, cgroups, measured)
  local ended = task.event()
  local argv = { M.program, "--socket", "0", cgroups or measured and "" or nil, measured }
  local child = assert(core.spawn({
    argv = argv, stdin = socket, stdout = "null",
    stderr = measured and "null" or "inherit", -- it tells what is wrong with the file
    env = { "PATH=/usr/bin:/bin" },
  }, function(...) ended:set(...) end))
  socket:close()
  return child, ended
end

---@return table native with fields agent, and methods start, run, close
function M.open(options, measured)
  local near, far = pair.connect()
  local self = {}
  self.child, self.ended = M.spawn(far.raw, nil, measured)
  self.agent = agent.new(options)
  self.agent:attach(near)

  --- Starts a command; a string is a line for the shell.
  function self.start(given, more)
    local shell = type(given) == "string"
    local spec = { argv = shell and { given } or given, shell = shell }
    for key, value in pairs(more or {}) do spec[key] = value end
    return assert(command.start(self.agent, spec))
  end

  --- Runs one to its end: its exit (or nil and the error), stdout, stderr.
  function self.run(given, more)
    local running <close> = self.start(given, more)
    running.stdout:collect(16 * 1024 * 1024)
    running.stderr:collect(16 * 1024 * 1024)
    local exit, why = running:wait(20000)
    return exit, exit and running.stdout:collected() or why, (running.stderr:collected())
  end

  --- Closes the connection, by which the agent ends.
  function self.close()
    self.agent:lose(require "kavach.err".new("io", "the spec is over"))
    self.ended:wait(10000)
    assert(self.ended:is_set(), "the agent does not end")
    self.child:forget()
  end
  return self
end

return M
