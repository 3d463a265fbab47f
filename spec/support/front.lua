--- A prompt's front end in a terminal, and its session, which a spec is.

local assert = require "luassert"
local host = require "support.host"
local kavach = require "kavach"
local program = require "support.program"
local stream = require "kavach.stream"
local tmux = require "support.tmux"

local M = {}

local kinds = {
  WELCOME = 1, READY = 2, BUSY = 3, MORE = 4, OUTPUT = 5, CHOICES = 6, RAW = 7, BYE = 8,
  HELLO = 65, SUBMIT = 66, COMPLETE = 67, INTERRUPT = 68, END = 69, SIZE = 70, KEYS = 71,
}
local names = {}
for name, kind in pairs(kinds) do names[kind] = name end

local build = program.absolute:match "^(.*)/"
M.program = build .. "/lib/kavach/prompt"
M.rig = build .. "/spec/prompt/front_rig"

local Front = {}
Front.__index = Front

--- Starts one. `options`: `words` for the program, `env` for the shell, `before` and `after`: shell
--- commands, `shell`: the terminal has an interactive shell, to which its line is typed.
function M.open(options)
  options = options or {}
  local folder, remove = host.folder()
  local self = setmetatable({ folder = folder, remove = remove, bytes = "" }, Front)
  assert(os.execute("mkfifo " .. folder .. "/fifo"))
  self.listener = assert(stream.listen(folder .. "/socket"))
  -- LeakSanitizer stops a process with signals to look at it, which hangs where they are blocked.
  self.line = ("env LC_ALL=C.UTF-8 ASAN_OPTIONS=detect_leaks=0 %s %s %s/socket %s/fifo %s %s")
    :format(options.env or "", M.rig, folder, folder, M.program, options.words or "")
  if options.shell then
    self.tmux = tmux.open(folder, "env PS1=shell% ENV= sh -i")
    self:keys(self.line, "Enter")
  else
    self.tmux = tmux.open(folder, ("%s; %s; echo left $?; %s; sleep 1000"):format(
      options.before or "true", self.line, options.after or "true"))
  end
  if not options.waits then self:attach() end
  return self
end

--- Takes the connection of the front end, and its HELLO.
function Front:attach()
  self.stream = assert(self.listener:accept())
  self.bytes = ""
  self.hello = self:expect "HELLO"
  return self
end

--- Sends a frame, or several at once: the name of each, and its payload.
function Front:send(...)
  local frames = {}
  for i = 1, select("#", ...), 2 do
    local name, payload = select(i, ...)
    payload = payload or ""
    frames[#frames + 1] = ("<I4B"):pack(#payload + 1, kinds[name]) .. payload
  end
  assert(self.stream:write(table.concat(frames)))
  return self
end

function Front:ready(prompt, flags)
  self.invited = (self.invited or 0) + 1
  return self:send("READY", ("<BI4"):pack(flags or 0, self.invited) .. (prompt or "> "))
end

--- Says READY, and waits until that is seen.
function Front:begin(prompt)
  self:ready(prompt):with(((prompt or "> "):gsub(" $", "")))
  return self
end

--- The next frame: its name and its payload; nil at the end.
function Front:frame()
  while #self.bytes < 4 or #self.bytes < 4 + ("<I4"):unpack(self.bytes) do
    local more = self.stream:read(1 << 20)
    if not more then return nil end
    self.bytes = self.bytes .. more
  end
  local length = ("<I4"):unpack(self.bytes)
  local kind, payload = self.bytes:byte(5), self.bytes:sub(6, 4 + length)
  self.bytes = self.bytes:sub(5 + length)
  if names[kind] == "SUBMIT" then
    assert.equal(self.invited, (("<I4"):unpack(payload)))
    payload = payload:sub(5)
  elseif names[kind] == "END" and payload:byte() == 0 then
    assert.equal(self.invited, (("<I4"):unpack(payload, 2)))
    payload = "\0"
  end
  return names[kind], payload
end

--- The payload of the next frame, which must be of this name; frames of others may be passed over.
function Front:expect(name, skipped)
  local found, payload
  repeat found, payload = self:frame() until found ~= skipped or not found
  assert.equal(name, found)
  return payload
end

--- What is submitted next; it runs, and is done.
function Front:take(prompt)
  local text = self:expect("SUBMIT", "SIZE")
  self:send("BUSY"):ready(prompt)
  return text
end

-- What is done at the terminal, and seen there: see support.tmux.
for _, name in ipairs { "keys", "type", "raw", "paste", "shows", "ends" } do
  Front[name] = function(self, ...)
    self.tmux[name](self.tmux, ...)
    return self
  end
end
for _, name in ipairs { "with", "lines" } do
  Front[name] = function(self, ...) return self.tmux[name](self.tmux, ...) end
end

--- Waits until the cursor is at a column and a row.
function Front:cursor(column, row)
  local at
  host.eventually(function()
    at = self.tmux:run 'display-message -p -t spec "#{cursor_x},#{cursor_y}"'
    return at == ("%d,%d\n"):format(column, row)
  end)
  assert.equal(("%d,%d\n"):format(column, row), at)
  return self
end

--- What the host prints.
function Front:print(text)
  local file <close> = assert(io.open(self.folder .. "/fifo", "w"))
  file:write(text)
  return self
end

--- The number of its process, or nil: a child of the terminal's shell.
function Front:process()
  local shell = self.tmux:run("display-message -p -t spec \"#{pane_pid}\""):match "%d+"
  for pid in (host.slurp(("/proc/%s/task/%s/children"):format(shell, shell)) or ""):gmatch "%d+" do
    if (host.slurp("/proc/" .. pid .. "/cmdline") or ""):match "^[^%z]*" == M.program then
      return tonumber(pid)
    end
  end
end

function Front:close()
  if self.stream then self.stream:close() end
  self.listener:close()
  self.tmux:close()
  self.remove()
end

M.kavach = kavach

return M
