--- A stand-in for QEMU that can be saved and started as a copy: the real agent on this machine, and
--- as much of QMP as that takes. And a place of its own for what is saved.

local control = require "kavach.sandbox.control"
local core = require "kavach.core"
local host = require "support.host"
local lfs = require "lfs"
local sandbox = require "kavach.sandbox"
local standin = require "support.standin"
local shelf = require "kavach.sandbox.template.shelf"

local M = {}

-- ---- where -------------------------------------------------------------------------------------

local getenv = os.getenv

--- Has this process find these values for variables of its environment; false: it is not set.
---@param values table<string, string|false>
function M.environment(values)
  rawset(os, "getenv", function(name)
    local value = values[name]
    if value == nil then return getenv(name) end
    return value or nil
  end)
end

--- A new folder for templates, for this process and for `M.cache`. Undone by M.teardown.
function M.new_cache(more)
  M.count = (M.count or 0) + 1
  M.cache = ("%s/cache-%d"):format(M.base, M.count)
  M.templates = M.cache .. "/kavach/templates"
  local values = { XDG_CACHE_HOME = M.cache }
  for name, value in pairs(more or {}) do values[name] = value end
  M.environment(values)
end

--- In memory, if it can be and is not to be on the disk: files of a template are put to disk one by
--- one.
---@param on_disk? any
function M.setup(on_disk)
  -- Another file may have had this process listen already, by a copy of the module of its own.
  M.listen, control.listen = control.listen, function() return true end
  M.base, M.remove = host.folder()
  local in_memory = "/dev/shm/kavach-spec" .. M.base:gsub("/", "-")
  if not on_disk and lfs.mkdir(in_memory) then
    M.remove()
    M.base, M.remove = in_memory, function() os.execute("rm -rf " .. in_memory) end
  end
  M.new_cache()
end

function M.teardown()
  control.listen = M.listen
  rawset(os, "getenv", getenv)
  M.remove()
end

--- The names in the folder, sorted; locks are none of them.
function M.names()
  local list = {}
  if not lfs.attributes(M.templates, "mode") then return list end
  for name in lfs.dir(M.templates) do
    if name ~= "." and name ~= ".." and not name:find "%.lock$" then list[#list + 1] = name end
  end
  table.sort(list)
  return list
end

--- The only template, and the paths of its files.
function M.only()
  local list = assert(shelf.list())
  assert(#list == 1, ("%d templates, not one"):format(#list))
  local entry = list[1]
  local folder = M.templates .. "/" .. entry.digest
  local one = { folder = folder, entry = entry, manifest = folder .. "/manifest.json" }
  for _, name in ipairs { "memory", "state" } do
    one[name] = entry.manifest and folder .. "/" .. entry.manifest[name].name
  end
  return one
end

--- Changes one bit of a file: of the byte in the middle of its first text that is there.
function M.flip(path, text)
  local file <close> = assert(io.open(path, "r+b"))
  local bytes = file:read(1024 * 1024)
  local at = text and assert(bytes:find(text, 1, true)) or #bytes // 2
  assert(file:seek("set", at))
  assert(file:write(string.char(bytes:byte(at + 1) ~ 1)))
end

-- ---- starting ----------------------------------------------------------------------------------

--- Starts a sandbox and runs a command in it; hands it and what it said on the way to `fn`.
---@param options table
---@param fn? fun(box: kavach.Sandbox, said: string)
---@return table template what its field of that name was
---@return string said the steps, a line each
function M.start(options, fn)
  local lines = {}
  local box <close> = assert(sandbox.launch(options, {
    on_step = function(what) lines[#lines + 1] = what end,
  }))
  local result = assert(box:exec "echo it runs")
  assert(result.stdout == "it runs\n", result.stdout .. result.stderr)
  local said = table.concat(lines, "\n")
  if fn then fn(box, said) end
  return box.template, said
end

-- ---- the stand-in ------------------------------------------------------------------------------

local PROGRAM <const> = [[
local core = require "kavach.core"
local pipe = require "kavach.sandbox.pipe"
local words = table.concat(arg, " ")
local clone = words:find("-incoming", 1, true) ~= nil
local is_file = words:find("/proc/self/fd/3", 1, true) ~= nil
local function forever() while true do core.poll "once" end end
local function nothing() end
local over = false

do %s
end -- at the start

local port = assert(core.connect "agent.sock")
local qmp, text = assert(core.connect "qmp.sock"), ""

if is_file and not clone then
  local memory <close> = assert(io.open("/proc/self/fd/3", "r+b"))
  memory:write "what is in the memory"
end

local function serve()
  core.spawn({ argv = { %q, "--socket", "0" }, stdin = port, stdout = "inherit",
    stderr = "inherit" }, function() over = true end)
  port:close()
end

local function say(line) pipe.write(qmp, line .. "\r\n", nothing) end

local commands = { ["migrate-set-capabilities"] = nothing, migrate_cancel = nothing,
  qmp_capabilities = nothing, cont = nothing, stop = nothing }
function commands.migrate(line)
  do %s
  end -- as it is saved
  local stream = assert(core.connect((line:match '"unix:([^"]+)"')))
  pipe.write(stream, "what QEMU knows", function()
    stream:close()
    say '{"event":"MIGRATION","data":{"status":"completed"}}'
  end)
end
commands["migrate-incoming"] = function()
  do %s
  end -- as it is restored
  local state <close> = assert(io.open("/proc/self/fd/4", "rb"))
  assert(state:read "a" == "what QEMU knows")
  serve()
end

do %s
end -- before the agent runs
if not clone then serve() end
say '{"QMP":{"version":{},"capabilities":[]}}'
pipe.read(qmp, function(bytes)
  text = (text .. bytes):gsub("([^\n]*)\n", function(line)
    local id, name = line:match '"id":(%%d+)', line:match '"execute":"([%%w_-]+)"'
    if not commands[name] then
      say(('{"id":%%s,"error":{"class":"CommandNotFound","desc":"no"}}'):format(id))
    else
      commands[name](line)
      say(('{"id":%%s,"return":{}}'):format(id))
    end
    return ""
  end)
end, function() os.exit(0) end)

]]

--- Makes one. Lua code to run in it at some points, with `clone` (is it a copy?), `forever()`:
--- `start`: ahead of all; `boot`: ahead of the agent; `save`: asked to save itself; `restore`: told
--- to go on as a copy.
---@param faults? { start?: string, boot?: string, save?: string, restore?: string }
---@return string path
function M.program(faults)
  faults = faults or {}
  return standin.interpreted(PROGRAM:format(faults.start or "", core.helper_dir() .. "/agent",
    faults.save or "", faults.restore or "", faults.boot or "") .. standin.UNTIL_OVER)
end

--- Options of a sandbox that runs such a program.
function M.options(path, more)
  local options = { template = true, memory_limit_mb = 64 }
  for key, value in pairs(more or {}) do options[key] = value end
  return standin.options(path, options)
end

return M
