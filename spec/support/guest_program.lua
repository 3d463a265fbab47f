--- `kavach run` as a user would call it, with a stand-in for QEMU or the real one, and a place of
--- its own for private directories, so that what it leaves behind can be seen.

local lfs = require "lfs"
local process = require "kavach.process"
local program = require "support.program"
local standin = require "support.standin"
local task = require "kavach.task"

local M = {}

function M.setup()
  standin.setup()
  M.runtime = standin.folder .. "/runtime"
  assert(os.execute("mkdir -m 700 '" .. M.runtime .. "'"))
  M.native = standin.native()
end

M.teardown = standin.teardown

--- The environment of a run whose QEMU is this program; nil: the real one.
function M.environment(qemu)
  local env = {
    PATH = os.getenv "PATH", HOME = "/", XDG_RUNTIME_DIR = M.runtime, HOST_ONLY = "from the host",
    LUA_PATH = os.getenv "LUA_PATH", LUA_CPATH = os.getenv "LUA_CPATH",
    XDG_CACHE_HOME = os.getenv "XDG_CACHE_HOME" or standin.folder .. "/cache",
  }
  if qemu then
    env.XDG_CACHE_HOME = standin.folder .. "/cache"
    env.KAVACH_QEMU, env.KAVACH_KERNEL, env.KAVACH_INITRD = qemu, standin.kernel, standin.initrd
  end
  return env
end

M.kavach = program.absolute

--- Runs a shell line in which $K is kavach. Returns its exit code, stdout and stderr.
function M.shell(line, qemu)
  local env = M.environment(qemu or M.native)
  env.K, env.T = M.kavach, standin.folder
  local r = assert(process.exec({ "bash", "-c", line }, { env = env }))
  assert(not r.timed_out, "timed out: " .. line)
  return r.exit_code, r.stdout, r.stderr
end

--- Runs kavach run with these words.
function M.run(words, options)
  options = options or {}
  local argv = table.move(words, 1, #words, 3, { M.kavach, "run" })
  local env = M.environment(options.qemu or (not options.real and M.native) or nil)
  for key, value in pairs(options.env or {}) do env[key] = value end
  local r = assert(process.exec(argv, { env = env, stdin = options.stdin }))
  assert(not r.timed_out, "timed out")
  return r.exit_code, r.stdout, r.stderr
end

--- Starts it, with pipes.
function M.start(words, options)
  options = options or {}
  return assert(process.start(table.move(words, 1, #words, 3, { M.kavach, "run" }), {
    env = M.environment(options.qemu or (not options.real and M.native) or nil), stdin = "pipe",
  }))
end

--- Starts a shell line in which $K is kavach and $T a folder, with a stand-in for QEMU.
function M.start_shell(line)
  local env = M.environment(M.native)
  env.K, env.T = M.kavach, standin.folder
  return assert(process.start({ "bash", "-c", line }, { env = env }))
end

--- The private directories that are there.
function M.directories()
  local list, all = {}, M.runtime .. "/kavach"
  if not lfs.attributes(all) then return list end
  for name in lfs.dir(all) do
    if name:find "^vm%-" then list[#list + 1] = all .. "/" .. name end
  end
  return list
end

--- The numbers of the processes that have a folder of ours as their working directory.
function M.processes()
  local list = {}
  for name in lfs.dir "/proc" do
    local where = name:find "^%d+$" and lfs.symlinkattributes("/proc/" .. name .. "/cwd", "target")
    if where and where:find(M.runtime, 1, true) then list[#list + 1] = tonumber(name) end
  end
  return list
end

--- Waits until the test gives true; fails after ten seconds.
function M.eventually(test, what)
  local over = task.now() + 10000
  while not test() do
    if task.now() > over then error("never came true: " .. what, 2) end
    task.sleep(10)
  end
end

--- Fails unless, within ten seconds, nothing is left: no directory, no process.
function M.assert_nothing_left()
  M.eventually(function() return #M.directories() == 0 end, "no directory is left")
  M.eventually(function() return #M.processes() == 0 end, "no process is left")
end

return M
