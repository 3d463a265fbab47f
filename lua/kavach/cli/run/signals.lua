--- What SIGINT and its like do to `kavach run`: the first goes to the command, the second kills it,
--- the third gives up on the guest. While there is no command yet, the first gives up.

local core = require "kavach.core"
local err = require "kavach.err"

local M = {}

local SIGHUP <const>, SIGINT <const>, SIGQUIT <const>, SIGTERM <const> = 1, 2, 3, 15

local Handlers = {}
Handlers.__index = Handlers

local function give_up(session)
  if session.flows then session.flows:cancel() end
  if session.box then
    session.box:give_up(err.new("cancelled", "interrupted by a signal"))
  end
end

local function on_signal(session, number)
  local running = session.running
  session.signals = (session.signals or 0) + 1
  if running and running.pid and not running.over then
    if session.signals == 1 then return running:signal(number) end
    if session.signals == 2 then return running:kill() end
  end
  session.interrupted = session.interrupted or number
  give_up(session)
end

---Catches the signals until what it returns is closed. They mean what its field `session` says.
function M.catch()
  local self = setmetatable({ list = {}, session = {} }, Handlers)
  for i, number in ipairs { SIGHUP, SIGINT, SIGQUIT, SIGTERM } do
    self.list[i] = core.signal(number, function()
      if not self.settled then on_signal(self.session, number) end
    end)
  end
  return self
end

---From now on they are about this command; so is one that has come already.
---@param session table
function Handlers:attend(session)
  session.interrupted, session.signals = self.session.interrupted, self.session.signals
  self.session = session
end

---The result is there: what comes now is too late, and must not cut the clearing up short.
function Handlers:settle()
  self.settled = true
end

function Handlers:__close()
  for _, handle in ipairs(self.list) do handle:close() end
end

return M
