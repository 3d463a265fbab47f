--- What a session's front end asks for, by the kind of its frame.

local core = require "kavach.core"
local frame = require "kavach.prompt.frame"
local later = require "kavach.later"

-- The prompt is there before these are.
local entries, perform = later "kavach.prompt.entry", later "kavach.prompt.perform"
local streams = later "kavach.prompt.streams"

local M = {}

-- What was interrupted may clean up for so long before the prompt is back without it.
local PATIENCE_MS <const> = 60

-- Each returns what is wrong with the frame, or nothing. None waits.
---@type table<integer, fun(self: kavach.prompt.session, payload: string): string?>
local on = {}

on[frame.HELLO] = function(self, payload)
  if self.state ~= "new" then return "HELLO twice" end
  on[frame.SIZE](self, payload:sub(1, 4))
  local flags = payload:byte(5)
  self.colour, self.dumb = flags & frame.COLOUR ~= 0, flags & frame.DUMB ~= 0
  self.link:send(frame.WELCOME, string.pack("<I4I4", core.getpid(), self.number))
  if self.banner then self:print(self.banner .. "\n") end
  self:ready()
  self.own.io = self.own.io or streams.input(self)
end

on[frame.SIZE] = function(self, payload)
  local columns, rows = string.unpack("<I2I2", payload)
  self.size = { columns = math.max(columns, 1), rows = math.max(rows, 1) }
  if self.on_size then self.on_size(self.size) end
end

local function answer(self, text)
  local asked = self.asked
  self:go_on()
  asked(text)
end

on[frame.SUBMIT] = function(self, payload)
  local number, begins = string.unpack("<I4", payload)
  if number > self.invited then return "an entry before the prompt was ready" end
  -- It was for a question that has been withdrawn since.
  if number < self.invited or self.state == "busy" then return end
  payload = payload:sub(begins)
  if self.state == "asking" then return answer(self, payload) end
  self.count = self.count + 1
  local entry = entries.parse(payload, self.count)
  if entry.kind == "more" or entry.kind == "empty" then self.count = self.count - 1 end
  if entry.kind == "more" then return self.link:send(frame.MORE) end
  self.link:send(frame.BUSY)
  entry.source = payload
  self.texts[#self.texts + 1] = entry.kind == "lua" and payload or nil
  self:begin(function() perform[entry.kind](self, entry) end, payload)
end

on[frame.COMPLETE] = function(self, payload)
  local ticket, cursor = string.unpack("<I4I4", payload)
  local text = payload:sub(9)
  local start, choices = require("kavach.prompt.complete").at(text, math.min(cursor, #text),
    require("kavach.prompt.scope").of(self))
  local parts = { string.pack("<I4I4", ticket, start) }
  for i, choice in ipairs(choices) do parts[i + 1] = choice .. "\0" end
  self.link:send(frame.CHOICES, table.concat(parts))
end

-- What does not end at once is left behind, as a job, and the prompt comes back.
on[frame.INTERRUPT] = function(self)
  local asked = self.asked
  if asked then self:go_on() end
  if self.state ~= "busy" or not self.task then return end
  local task = self.task
  self.realm:interrupt(task, "interrupted")
  if asked then asked(nil) end -- what is shielded goes on
  core.timer(PATIENCE_MS, function()
    if self.task ~= task or self.over then return end
    if task.done then
      self:complain "interrupted" -- before it has begun
    else
      self.jobs:adopt(self.text, task)
    end
    self:ready()
  end)
end

on[frame.KEYS] = function(self, payload)
  if self.on_keys then self.on_keys(payload) end
end

on[frame.END] = function(self, payload)
  if payload:byte() ~= 0 then return self:hang_up() end
  if string.unpack("<I4", payload, 2) ~= self.invited then return end
  if self.state == "asking" then return answer(self, nil) end
  if self.state ~= "ready" then return end
  self.link:send(frame.BUSY)
  self:begin(function() self:leave() end)
end

--- Does what a frame asks for. What goes wrong with that is told, and the prompt goes on.
---@param self kavach.prompt.session
---@param kind integer
---@param payload string
---@return string? wrong with the frame
function M.take(self, kind, payload)
  -- A front end says HELLO first.
  if self.state == "new" and kind ~= frame.HELLO then return "a frame before HELLO" end
  local fine, why = pcall(on[kind], self, payload)
  if fine then return why end
  self:complain(tostring(why))
  if kind == frame.SUBMIT and self.state == "ready" then self:ready() end
end

return M
