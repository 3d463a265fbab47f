--- A real terminal, tmux's, with a server of its own: that of a spec before may still be ending.

local assert = require "luassert"
local host = require "support.host"
local program = require "support.program"

local Tmux = {}
Tmux.__index = Tmux

local M = {}

local last = 0

--- Runs a script in a terminal of 80 columns and 20 rows.
---@param folder string where its socket may be
---@param line string for the shell
function M.open(folder, line)
  last = last + 1
  local self = setmetatable({ socket = ("%s/tmux%d"):format(folder, last) }, Tmux)
  self:run(("-u new-session -d -s spec -x 80 -y 20 '%s'"):format(line))
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

function Tmux:close()
  program.shell(("tmux -S %s kill-server"):format(self.socket))
end

return M
