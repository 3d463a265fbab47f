--- Stories: what a person sees at the prompt, and what they did for it. A story is the screen as it
--- is in the end. Behind "⟵" stands what was typed for a line, by the names of tmux's keys; of a
--- line that begins with the prompt and has none, what follows the prompt, and Enter. A line that
--- has nothing before the "⟵" is of keys that show nothing. "…" stands for any text.

local assert = require "luassert"
local host = require "support.host"
local lfs = require "lfs"
local program = require "support.program"
local tmux = require "support.tmux"

local M = {}

local COLUMNS <const>, ROWS <const> = 90, 50
local PROMPT <const>, ARROW <const> = "kavach> ", "⟵"

local Story = {}
Story.__index = Story

---@class kavach.spec.story.options
---@field words? string of the command line
---@field before? fun(folder: string): string? makes files that it needs; other words
---@field env? string
---@field folder? string of another story, which has its sandboxes and its history
---@field columns? integer
---@field rows? integer
---@field prompt? string the one that it has
---@field shell? boolean it runs in a shell, to which its line is typed

--- A terminal with a prompt in it.
---@param options? kavach.spec.story.options
function M.open(options)
  options = options or {}
  local folder, remove = host.folder()
  assert(os.execute("chmod 700 " .. folder))
  local home = options.folder or folder
  local words = options.before and options.before(folder) or options.words or ""
  local self = setmetatable({ folder = folder, remove = remove,
    prompt = options.prompt or PROMPT, options = options }, Story)
  self.line = ("env LC_ALL=C.UTF-8 HOME=%s XDG_STATE_HOME=%s/state XDG_RUNTIME_DIR=%s %s %s %s")
    :format(home, home, home, options.env or "", program.absolute, words)
  self:again()
  return self
end

--- The same once more, in a new terminal.
function Story:again()
  if self.tmux then self.tmux:close() end
  self.expected = nil
  local line = self.options.shell and "env PS1=shell% ENV= sh -i"
    or self.line .. "; echo left with $?; sleep 1000"
  self.tmux = tmux.open(self.folder, line, self.options.columns or COLUMNS,
    self.options.rows or ROWS)
  if self.options.shell then
    self.tmux:type(self.line)
    self.tmux:keys "Enter"
  end
end

function Story:close()
  self.tmux:close()
  self.remove()
end

local function pattern_of(line)
  local plain = line:gsub("[%^%$%(%)%%%.%[%]%*%+%-%?]", "%%%0")
  return "^" .. plain:gsub("…", ".*"):gsub("%s+$", "") .. "%s*$"
end

-- Whether a screen has these lines, from its first on; with `whole`, and no others.
local function fits(lines, expected, whole)
  if whole and #lines ~= #expected then return false end
  for i, line in ipairs(expected) do
    if not (lines[i] or ""):find(pattern_of(line)) then return false end
  end
  return true
end

function Story:await(expected, whole)
  local lines
  local fine = host.eventually(function()
    lines = self.tmux:lines(true)
    return fits(lines, expected, whole)
  end)
  if not fine then
    assert.equal(table.concat(expected, "\n"), table.concat(lines, "\n"))
    error "the screen does not fit"
  end
end

-- The lines behind the entry of that number.
local function behind(self, number)
  local lines, count, out = self.tmux:lines(true), 0, {}
  for _, line in ipairs(lines) do
    if line:sub(1, #self.prompt) == self.prompt and line ~= self.prompt then
      count = count + 1
    elseif count == number then
      out[#out + 1] = line
    end
  end
  return out, lines
end

function Story:await_prompt(number)
  local prompt, lines = self.prompt:gsub(" $", ""), nil
  assert.is_true(host.eventually(function()
    local list
    list, lines = behind(self, number)
    return list[#list] == prompt
  end), "no prompt in\n" .. table.concat(lines or {}, "\n"))
end

function Story:await_line(number, pattern)
  local lines
  assert.is_true(host.eventually(function()
    local list
    list, lines = behind(self, number)
    for _, line in ipairs(list) do
      if line:find(pattern) then return true end
    end
    return false
  end), pattern .. " is not shown in\n" .. table.concat(lines or {}, "\n"))
end

local function parse(self, text)
  local list = {}
  for line in text:gmatch "([^\n]*)\n" do
    local shown, typed = line:match("^(.-)%s*" .. ARROW .. "%s*(.*)$")
    shown = shown or line
    local entered = not typed and shown:sub(1, #self.prompt) == self.prompt
      and shown:sub(#self.prompt + 1) or nil
    list[#list + 1] = { shown = shown, typed = typed, entered = entered }
  end
  return list
end

--- The number of the QEMU that was started from this prompt: it runs in a folder of its own.
function Story:qemu()
  for _, pid in ipairs(host.processes "qemu-system") do
    local folder = lfs.symlinkattributes(("/proc/%d/cwd"):format(pid), "target") or ""
    if folder:sub(1, #self.folder) == self.folder then return pid end
  end
  error "there is no QEMU"
end

-- What is typed for a line: 'words in quotes' as they are, others by tmux's names of keys; but
-- <spins> is no key, and waits until something has run for so long that its age is shown.
local function press(self, typed)
  local at = 1
  while true do
    local from, to, quoted = typed:find("^%s*(%b'')", at)
    if from then
      self.tmux:type(quoted:sub(2, -2))
    else
      local key
      from, to, key = typed:find("^%s*(%S+)", at)
      if not from then return end
      if key == "<spins>" then self.tmux:with " s\n" else self.tmux:keys(key) end
    end
    at = to + 1
  end
end

-- The screen before something is typed for a line: it ends with the prompt, or a question, that the
-- line begins with; the next line of an entry begins with nothing.
function Story:ready_for(line)
  local before = table.move(self.expected, 1, #self.expected, 1, {})
  local prompt = self.prompt:gsub(" $", "")
  if line.shown:sub(1, #prompt) == prompt then
    before[#before + 1] = prompt
  else
    before[#before + 1] = line.shown:match "^.*%[y/N%]"
  end
  return before
end

--- Follows a story that has only the lines that matter: each is shown, in this order, behind what
--- was entered before it.
---@param text string
function Story:follow(text)
  local entered = 0
  for line in text:gmatch "([^\n]*)\n" do
    local keys = line:sub(1, #self.prompt) == self.prompt and line:sub(#self.prompt + 1)
    if keys then
      self:await_prompt(entered)
      entered = entered + 1
      self.tmux:type(keys)
      self.tmux:keys "Enter"
    else
      self:await_line(entered, pattern_of(line))
    end
  end
end

--- Tells a story: does what was done, each as soon as the screen is as it was then, and holds the
--- screen against it in the end.
---@param text string
function Story:tell(text)
  local expected, last = self.expected or {}, nil
  self.expected = expected
  if expected[#expected] == self.prompt:gsub(" $", "") then table.remove(expected) end
  for _, line in ipairs(parse(self, text)) do
    local keys = line.shown == "" and line.typed
    if keys then
      self:await(expected)
    elseif line.entered or line.typed then
      self:await(self:ready_for(line), true)
    end
    if line.entered then
      self.tmux:type(line.entered)
      self.tmux:keys "Enter"
    elseif line.typed then
      press(self, line.typed)
    end
    if not keys then expected[#expected + 1] = line.shown end
    last = line
  end
  -- What the last line asked for may be there, or not yet.
  self:await(expected, not last.entered and not last.typed)
end

return M
