--- The prompt: how soon it is there, how fast keys echo while the host is busy, how fast a name is
--- completed, and a large paste.

local core = require "kavach.core"
local process = require "kavach.process"
local support = require "support"
local task = require "kavach.task"

local KEYS <const>, FIRST_KEY <const> = 100, 0x400
local NAMES <const> = 10000
local PASTE <const> = 1 << 20
local EVENTS_MS <const> = 1

local function pty() return support.build .. "/spec/prompt/pty" end

local Terminal = {}
Terminal.__index = Terminal

-- A program on a terminal of its own.
local function open(folder, ...)
  local p = assert(process.start({ pty(), "100", "30", ... }, { stdin = "pipe", stderr = "inherit",
    env = { PATH = os.getenv "PATH", TERM = "xterm-256color", LC_ALL = "C.UTF-8",
      HOME = folder, XDG_STATE_HOME = folder, XDG_CACHE_HOME = os.getenv "XDG_CACHE_HOME",
      XDG_RUNTIME_DIR = folder } }))
  return setmetatable({ process = p, shown = "" }, Terminal)
end

function Terminal:type(text) assert(self.process:write(text)) end

--- Reads until it shows this, after what was awaited before.
function Terminal:await(text)
  while true do
    local _, last = self.shown:find(text, 1, true)
    if last then
      self.shown = self.shown:sub(last + 1)
      return
    end
    local bytes = self.process:read()
    if not bytes then error(("it does not show %q, but %q"):format(text, self.shown), 0) end
    self.shown = self.shown .. bytes
  end
end

function Terminal:__close() self.process:close() end

-- ---- the first prompt --------------------------------------------------------------------------

local function start_to(folder, prompt, ...)
  local begun = core.hrtime()
  local terminal <close> = open(folder, ...)
  terminal:await(prompt)
  return (core.hrtime() - begun) / 1e6
end

local function first_prompt(runs, folder)
  local ours, theirs = support.interleave(runs, function()
    return start_to(folder, "kavach> ", support.kavach)
  end, function()
    return start_to(folder, "> ", "lua5.4", "-i")
  end)
  return {
    what = "from exec to the prompt", unit = "ms", peer = "lua5.4 -i",
    version = support.output({ "lua5.4", "-v" }):match "Lua ([%d.]+)",
    ours = ours, theirs = theirs, at_most = 2,
  }, { what = "from exec to the prompt", unit = "ms", ours = ours, at_most = 30 }
end

-- ---- keys --------------------------------------------------------------------------------------

-- How long keys take to be shown, in ms, while what `busy` has begun goes on.
local function echoes(folder, busy)
  local terminal <close> = open(folder, support.kavach)
  terminal:await "kavach> "
  for _, line in ipairs(busy) do
    terminal:type(line .. "\r")
    terminal:await "kavach> "
  end
  local list = {}
  for i = 1, KEYS do
    task.sleep(7)
    local key = utf8.char(FIRST_KEY + i) -- each is seen once only, whatever is drawn again
    terminal.shown = ""
    local begun = core.hrtime()
    terminal:type(key)
    terminal:await(key)
    list[i] = (core.hrtime() - begun) / 1e6
    if i % 40 == 0 then terminal:type "\21" end -- Ctrl-U: the line is to stay one line
  end
  return list
end

local QUIET <const> = {}
local BUSY <const> = {
  ("& while true do kavach.sleep(%d) print '%s' end"):format(EVENTS_MS, ("event "):rep(10)),
  "& for _ = 1, 4 do kavach.spawn(function() while true do local b = kavach.sandbox "
    .. "{ template = false, memory_limit_mb = 128 } if b then b:destroy() end end end) end",
}

-- From Ctrl-C to the prompt, in ms, while an entry runs.
local function interrupts(folder, entry, runs)
  local terminal <close> = open(folder, support.kavach)
  terminal:await "kavach> "
  local list = {}
  for i = 1, runs do
    terminal:type(entry .. "\r")
    terminal:await " s" -- its age: it runs
    local begun = core.hrtime()
    terminal:type "\3"
    terminal:await "kavach> "
    list[i] = (core.hrtime() - begun) / 1e6
  end
  return list
end

local CAUGHT <const> = "while true do pcall(function() while true do end end) end"

-- ---- completion and paste ----------------------------------------------------------------------

local function completion(runs)
  local complete = require "kavach.prompt.complete"
  local names, many = {}, {}
  for i = 1, NAMES do
    names[i] = ("name_%05d"):format(i)
    many[names[i]] = i
  end
  local scope = {
    global = function(name) return name == "many" and many or nil end,
    names = function() return names end,
    commands = {}, sandboxes = function() return {} end, jobs = function() return {} end,
  }
  local function time(text, count)
    local begun = core.hrtime()
    local _, choices = complete.at(text, #text, scope)
    assert(#choices == count)
    return (core.hrtime() - begun) / 1e6
  end
  local globals, fields = {}, {}
  for i = 0, runs do
    globals[i], fields[i] = time("x = name_0", NAMES - 1), time("many.name_0", NAMES - 1)
  end
  globals[0], fields[0] = nil, nil
  local function line(what, ours)
    what = ("Tab among %d %s"):format(NAMES, what)
    return { what = what, unit = "ms", ours = ours, at_most = 10 }
  end
  return line("globals", globals), line("fields", fields)
end

local function paste(folder)
  local terminal <close> = open(folder, support.kavach)
  terminal:await "kavach> "
  local line = "-- " .. ("x"):rep(60) .. "\n"
  local text = "s = [[" .. line:rep(PASTE // #line) .. "]]"
  local begun = core.hrtime()
  terminal:type("\27[200~" .. text .. "\27[201~")
  terminal:type "\r"
  terminal:await "kavach> "
  local taken = (core.hrtime() - begun) / 1e6
  terminal:type "#s, 'characters'\r"
  terminal:await(tostring(PASTE // #line * #line)) -- not one is lost
  return taken
end

return function(runs)
  local folder <close> = support.folder()
  local ratio, absolute = first_prompt(runs, folder.path)
  local pastes = {}
  for i = 1, math.min(runs, 5) do pastes[i] = paste(folder.path) end
  local globals, fields = completion(runs)
  local lines = {
    ratio, absolute,
    { what = "a key's echo", unit = "ms", ours = echoes(folder.path, QUIET) },
    { what = "a key's echo, four VMs booting and 1 000 lines a second", unit = "ms",
      ours = echoes(folder.path, BUSY), at_most = 5 },
    { what = "Ctrl-C to the prompt, in a loop", unit = "ms", at_most = 100,
      ours = interrupts(folder.path, "while true do end", runs) },
    { what = "Ctrl-C to the prompt, in a loop that catches errors", unit = "ms", at_most = 100,
      ours = interrupts(folder.path, CAUGHT, runs) },
    { what = "Ctrl-C to the prompt, in a wait", unit = "ms", at_most = 100,
      ours = interrupts(folder.path, "kavach.sleep(60000)", runs) },
    globals, fields,
    { what = "a paste of 1 MiB, entered and run", unit = "ms", ours = pastes },
  }
  for _, line in ipairs(lines) do line.version = line.version or "kavach " .. core.version end
  return lines
end
