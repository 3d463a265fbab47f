--- Stories: what a person sees at the prompt, and what they did for it. A story is the screen as it
--- is in the end. Behind "⟵" stands what was typed for a line, by the names of tmux's keys; of a
--- line that begins with the prompt and has none, what follows the prompt, and Enter. A line that
--- has nothing before the "⟵" is of keys that show nothing. "…" stands for any text.

local assert = require "luassert"
local host = require "support.host"
local program = require "support.program"
local tmux = require "support.tmux"

local M = {}

local COLUMNS <const>, ROWS <const> = 90, 50
local PROMPT <const>, ARROW <const> = "kavach> ", "⟵"

local Story = {}
Story.__index = Story

--- A terminal with a prompt in it.
---@param options? { words: string?, env: string?, columns: integer?, rows: integer?, prompt: string? }
--- words: of the command line; env: before it; prompt: the one that it has
function M.open(options)
  options = options or {}
  local folder, remove = host.folder()
  assert(os.execute("chmod 700 " .. folder))
  local self = setmetatable({ folder = folder, remove = remove,
    prompt = options.prompt or PROMPT }, Story)
  local line = ("env LC_ALL=C.UTF-8 HOME=%s XDG_STATE_HOME=%s/state XDG_RUNTIME_DIR=%s %s %s %s; "
    .. "echo left with $?; sleep 1000"):format(folder, folder, options.runtime or folder,
    options.env or "", program.absolute, options.words or "")
  self.tmux = tmux.open(folder, line, options.columns or COLUMNS, options.rows or ROWS)
  return self
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

-- The keys of a line: 'words in quotes' as they are, others by tmux's names.
local function press(self, typed)
  for text, key in (typed .. " "):gmatch "'([^']*)'%s*" do
    self.tmux:type(text)
    assert(not key)
  end
  for key in typed:gsub("'[^']*'", ""):gmatch "%S+" do self.tmux:keys(key) end
end

--- Tells a story: does what was done, each as soon as the screen is as it was then, and holds the
--- screen against it in the end.
---@param text string
function Story:tell(text)
  local expected = self.expected or {}
  self.expected = expected
  for _, line in ipairs(parse(self, text)) do
    local keys = line.shown == "" and line.typed
    if line.entered or line.typed and not keys then
      -- What is to be typed behind: the prompt, or a line that goes on.
      local before = table.move(expected, 1, #expected, 1, {})
      before[#before + 1] = line.entered and (self.prompt:gsub(" $", ""))
        or line.shown:sub(1, #self.prompt) == self.prompt and (self.prompt:gsub(" $", "")) or nil
      self:await(before, true)
    elseif keys then
      self:await(expected)
    end
    if line.entered then
      self.tmux:type(line.entered)
      self.tmux:keys "Enter"
    elseif line.typed then
      press(self, line.typed)
    end
    if not keys then expected[#expected + 1] = line.shown end
  end
  self:await(expected, true)
end

return M
