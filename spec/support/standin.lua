--- Stand-ins for QEMU: small programs that a sandbox starts in its place, so that what QEMU may do
--- wrong can be had at will. None of them is a virtual machine.

local core = require "kavach.core"
local build = require "support.program"

local M = {}

local folder

local function write(name, bytes)
  local path = folder .. "/" .. name
  local file = assert(io.open(path, "wb"))
  assert(file:write(bytes))
  file:close()
  return path
end

--- A folder for them, with files that pass for a kernel and an initramfs.
function M.setup()
  folder = os.tmpname()
  os.remove(folder)
  assert(os.execute("mkdir '" .. folder .. "'"))
  M.kernel = write("kernel", ("\0"):rep(0x202) .. "HdrS" .. ("\0"):rep(64))
  M.initrd = write("initrd", "x")
  M.folder = folder
end

function M.teardown()
  assert(os.execute("rm -rf '" .. folder .. "'"))
end

local count = 0
local function program(text)
  count = count + 1
  local path = write("stand-in-" .. count, text)
  assert(os.execute("chmod +x '" .. path .. "'"))
  return path
end

--- A shell script.
function M.shell(text)
  return program("#!/bin/sh\n" .. text .. "\n")
end

--- A Lua script. It runs in the program of this build, which also works where stock Lua cannot load
--- a module with sanitizers.
function M.interpreted(text)
  return program(("#!%s\n"):format(build.absolute) .. text)
end

--- One in which `core` is kavach.core and `port` is the connection to the host.
function M.lua(text)
  return M.interpreted([[
local core = require "kavach.core"
local port = assert(core.connect "agent.sock")
]] .. text)
end

--- The end of a program in Lua: drives the loop until its variable `over` is true.
M.UNTIL_OVER = [[
while not over do
  local callback, a, b = core.next()
  while callback do
    callback(a, b)
    callback, a, b = core.next()
  end
  if not over then core.poll "once" end
end
]]

--- Serves as a guest would, with the real agent, but on this machine. It ends when the agent does.
--- As QEMU does over QMP, it stops the agent and lets it go on; what else it is asked, it refuses.
function M.native()
  return M.lua(([[
local over = false
local agent = assert(core.spawn({ argv = { %q, "--socket", "0" }, stdin = port,
  stdout = "inherit", stderr = "inherit" }, function() over = true end))
port:close()

local pipe = require "kavach.sandbox.pipe"
local SIGNALS = { stop = 19, cont = 18 } -- SIGSTOP, SIGCONT
local qmp, text = assert(core.connect "qmp.sock"), ""
local function answer(line)
  local id, command = line:match '"id":(%%d+)', line:match '"execute":"([%%w_-]+)"'
  if SIGNALS[command] then agent:signal(SIGNALS[command]) end
  local known = SIGNALS[command] or command == "qmp_capabilities"
  pipe.write(qmp, ('{"id":%%s,%%s}\r\n'):format(id,
    known and '"return":{}' or '"error":{"class":"CommandNotFound","desc":"no"}'), function() end)
end
pipe.write(qmp, '{"QMP":{"version":{},"capabilities":[]}}\r\n', function() end)
pipe.read(qmp, function(bytes)
  text = text .. bytes
  text = text:gsub("([^\n]*)\n", function(line) answer(line) return "" end)
end, function() end)

]]):format(core.helper_dir() .. "/agent") .. M.UNTIL_OVER)
end

--- Options of a sandbox that runs such a program.
function M.options(path, more)
  local options = {
    backend = "tcg", qemu_path = path, kernel = M.kernel, initrd = M.initrd, template = false,
  }
  for key, value in pairs(more or {}) do options[key] = value end
  return options
end

--- Whether a process of that number runs.
function M.alive(pid)
  local file = io.open(("/proc/%d/stat"):format(pid))
  if not file then return false end
  -- It may end between being opened and being read: then there is nothing to read (ESRCH).
  local state = (file:read "a" or ""):match "%) (%a)"
  file:close()
  return state ~= nil and state ~= "Z" and state ~= "X"
end

function M.exists(path)
  return os.rename(path, path) ~= nil
end

return M
