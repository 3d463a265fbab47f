--- Looks at processes from outside, and runs Lua code in a host of its own.

local kavach = require "kavach"
local lfs = require "lfs"
local program = require "support.program"

local M = {}

local number = 0

--- A word that no other process has on its command line: `sleep` takes it as a time.
function M.marker()
  number = number + 1
  local random = tostring(math.random(100000, 999999))
  return ("9%d.%s%04d"):format(number, random, kavach.now() % 10000)
end

local function slurp(path)
  local f = io.open(path, "rb")
  if not f then return nil end
  local text = f:read "a"
  f:close()
  return text
end
M.slurp = slurp

--- The numbers of the processes with this word on their command line. One that is gone but for its
--- exit code has none.
function M.processes(word)
  local found = {}
  for name in lfs.dir "/proc" do
    local line = name:match "^%d+$" and slurp("/proc/" .. name .. "/cmdline")
    if line and line:find(word, 1, true) then found[#found + 1] = tonumber(name) end
  end
  return found
end

--- Whether `condition()` comes true within ten seconds.
function M.eventually(condition)
  local last = kavach.now() + 10000
  while not condition() do
    if kavach.now() > last then return false end
    kavach.sleep(5)
  end
  return true
end

--- What is in a folder, in order.
function M.names(path)
  local list = {}
  for name in lfs.dir(path) do
    if name ~= "." and name ~= ".." then list[#list + 1] = name end
  end
  table.sort(list)
  return list
end

--- Has os.getenv give these in place of what there is. Returns what puts it back.
function M.pretend(environment)
  local getenv = os.getenv
  os.getenv = function(name) -- luacheck: ignore 122
    return environment[name] or getenv(name)
  end
  return function() os.getenv = getenv end -- luacheck: ignore 122
end

function M.gone(word)
  return M.eventually(function() return #M.processes(word) == 0 end)
end

--- The number of this process's supervisor, or that of the process `pid`.
function M.supervisor(pid)
  pid = pid or "self"
  for child in (slurp(("/proc/%s/task/%s/children"):format(pid, pid == "self" and M.pid() or pid))
    or ""):gmatch "%d+" do
    if (slurp("/proc/" .. child .. "/comm") or ""):find("kavach-super", 1, true) then
      return tonumber(child)
    end
  end
end

function M.pid()
  return tonumber(slurp("/proc/self/stat"):match "^%d+")
end

--- The numbers of a process's children that are dead and that it has not taken notice of.
function M.dead_children(pid)
  local list = {}
  for child in (slurp(("/proc/%d/task/%d/children"):format(pid, pid)) or ""):gmatch "%d+" do
    local state = (slurp("/proc/" .. child .. "/stat") or ""):match "%) (%a)"
    if state == "Z" then list[#list + 1] = tonumber(child) end
  end
  return list
end

--- A folder for one spec; a function that removes it.
function M.folder()
  local path = os.tmpname()
  os.remove(path)
  assert(lfs.mkdir(path))
  return path, function() os.execute("rm -rf " .. path) end
end

function M.write(path, text)
  local f = assert(io.open(path, "wb"))
  f:write(text)
  f:close()
  return path
end

--- A file that takes longer to read than anybody waits. It takes no room.
function M.endless(path)
  local file <close> = assert(io.open(path, "wb"))
  assert(file:seek("set", 1 << 40))
  assert(file:write "\0")
  return path
end

--- Runs a script in the program of this build: its exit code, standard output and standard error.
function M.script(code, ...)
  local path = os.tmpname()
  M.write(path, code)
  local exit, out, errors = program.run(path, ...)
  os.remove(path)
  return exit, out, errors
end

--- The shell commands that run Lua with kavach: the program of this build, and stock Lua, which
--- finds kavach where these specs do (but cannot load a build with a sanitizer).
function M.interpreters()
  local stock = ("env LUA_PATH='%s' LUA_CPATH='%s' lua5.4"):format(package.path, package.cpath)
  if os.execute(stock .. " -e 'require \"kavach.core\"' 2>/dev/null") then
    return { program.kavach, stock }
  end
  return { program.kavach }
end

--- Starts a script in the program of this build and leaves it running: a kavach.Process.
function M.start(code, options)
  return assert(kavach.process.start({ program.kavach, "-e", code }, options))
end

return M
