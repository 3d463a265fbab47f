--- What SIGINT and its like do to a batch: the first has what runs come to its end, the second ends
--- it, the third ends this process at once, and with it all that it has started.

local core = require "kavach.core"

local M = {}

local SIGHUP <const>, SIGINT <const>, SIGQUIT <const>, SIGTERM <const> = 1, 2, 3, 15

local Handlers = {}
Handlers.__index = Handlers

local HOW <const> = { "drain", "cancel" }
local WHY <const> = {
  "interrupted: what runs may come to its end; once more ends it",
  "interrupted again: what runs is ended; once more ends kavach itself",
}

local function on_signal(self, number)
  self.count = self.count + 1
  self.number = self.number or number
  local how = HOW[self.count]
  -- What is not in the journal by now is run again; the supervisor kills the rest.
  if not how then os.exit(128 + number, false) end
  self.schedule:stop(how, WHY[self.count], "signal " .. self.number)
end

-- The signals that whoever started this process had it ignore (nohup): proc(5), SigIgn.
local function ignored()
  local file <close> = io.open "/proc/self/status"
  local mask = file and (file:read "a"):match "SigIgn:%s*(%x+)" or "0"
  return tonumber(mask, 16)
end

---What catches the signals from attend on, until it is closed. Before there is a schedule nothing
---has been begun that could come to an end, and one ends this process, as any other: also a script
---that computes for ever.
function M.new()
  return setmetatable({ count = 0, list = {} }, Handlers)
end

---@param schedule kavach.batch.schedule
function Handlers:attend(schedule)
  self.schedule = schedule
  local not_ours = ignored()
  for _, number in ipairs { SIGHUP, SIGINT, SIGQUIT, SIGTERM } do
    if not_ours & 1 << number - 1 == 0 then
      self.list[#self.list + 1] = core.signal(number, function() on_signal(self, number) end)
    end
  end
end

function Handlers:__close()
  for _, handle in ipairs(self.list) do handle:close() end
end

return M
