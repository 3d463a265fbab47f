--- A real terminal, tmux's, with a server of its own: that of a spec before may still be ending.

local assert = require "luassert"
local host = require "support.host"
local program = require "support.program"

local Tmux = {}
Tmux.__index = Tmux

local M = {}

local last = 0

--- Runs a script in a terminal of 80 columns and 20 rows, or of others.
---@param folder string where its socket may be
---@param line string for the shell
---@param columns? integer
---@param rows? integer
function M.open(folder, line, columns, rows)
  last = last + 1
  local self = setmetatable({ socket = ("%s/tmux%d"):format(folder, last) }, Tmux)
  self:run(("-u new-session -d -s spec -x %d -y %d '%s'"):format(columns or 80, rows or 20, line))
  return self
end

function Tmux:run(words)
  local code, out, errors = program.shell(("tmux -S %s -f /dev/null %s"):format(self.socket, words))
  assert.same({ 0, "" }, { code, errors }, words)
  return out
end

--- What it shows, with what went off its top, once it has this text.
function Tmux:with(text)
  local shown
  assert.is_true(host.eventually(function()
    shown = self:run "capture-pane -p -S - -t spec"
    return shown:find(text, 1, true) ~= nil
  end), text .. " in:\n" .. tostring(shown))
  return (shown:gsub("[ \n]+$", ""))
end

--- Waits until its last line is like this pattern, which is anchored: what was seen before may show
--- the same.
function Tmux:ends(pattern)
  local lines
  assert.is_true(host.eventually(function()
    lines = self:lines()
    return lines[#lines]:find("^" .. pattern .. "$") ~= nil
  end), pattern .. " does not end\n" .. table.concat(lines, "\n"))
end

-- A word for the shell.
local function quoted(text) return '"' .. text:gsub('[\\"$`]', "\\%0") .. '"' end

--- Types keys, by the names of tmux or as they are.
function Tmux:keys(...)
  for _, key in ipairs { ... } do self:run("send-keys -t spec -- " .. quoted(key)) end
end

--- Types a text, whatever keys its words may be names of.
function Tmux:type(text)
  self:run("send-keys -l -t spec -- " .. quoted(text))
end

--- Sends bytes as if keys had sent them.
function Tmux:raw(bytes)
  local hex = bytes:gsub(".", function(c) return (" %02x"):format(c:byte()) end)
  self:run("send-keys -H -t spec" .. hex)
end

--- Pastes, in brackets if the program wants them.
function Tmux:paste(text)
  local path = self.socket .. ".paste"
  host.write(path, text)
  self:run("load-buffer " .. path)
  self:run "paste-buffer -p -r -t spec"
end

--- The lines of the screen, without the empty ones at its end. `history`: with what went off its
--- top.
function Tmux:lines(history)
  local shown = self:run("capture-pane -p -t spec" .. (history and " -S -" or ""))
  local list = {}
  for line in shown:gsub("\n+$", ""):gmatch "[^\n]*" do list[#list + 1] = line end
  return list
end

--- Waits until the screen has these lines, and no others.
function Tmux:shows(expected, history)
  local lines
  host.eventually(function()
    lines = self:lines(history)
    return table.concat(lines, "\n") == table.concat(expected, "\n")
  end)
  assert.same(expected, lines)
end

function Tmux:close()
  program.shell(("tmux -S %s kill-server"):format(self.socket))
end

return M
