--- A front end for specs, without a terminal: it says what one would, and keeps what is shown.

local assert = require "luassert"
local decoder = require "kavach.sandbox.decoder"
local frame = require "kavach.prompt.frame"
local scheduler = require "kavach.task.scheduler"
local session = require "kavach.prompt.session"
local task = require "kavach.task"
local waiters = require "kavach.sandbox.waiters"

local Front = {}
Front.__index = Front

local M = {}

local WAIT_MS <const>, LOOK_MS <const> = 5000, 2

-- Frames of a session, of any kind.
local FORM <const> = {
  head = 5,
  read = function(header)
    local length, kind = string.unpack("<I4B", header)
    return kind, 0, length - 1
  end,
}

local function take(self, bytes)
  self.decoder:feed(bytes)
  for kind, _, payload in function() return self.decoder:next() end do
    self.frames[#self.frames + 1] = { kind, payload }
    if kind == frame.OUTPUT then self.shown = self.shown .. payload end
    if kind == frame.READY then
      self.ready, self.prompt = self.ready + 1, payload:sub(6)
      self.invited = string.unpack("<I4", payload, 2)
      self.answering = payload:byte() & frame.ANSWER ~= 0
    end
    if kind == frame.BYE then self.left = payload:byte() end
  end
  self.changed:wake()
end

--- A session, and its front end, which has said HELLO and been given the first prompt.
---@param options? table of kavach.prompt.session; also columns, rows, flags
function M.open(options)
  options = options or {}
  local self = setmetatable({
    decoder = decoder(FORM), frames = {}, shown = "", ready = 0, said = {},
    changed = waiters.new(),
  }, Front)
  local own = {
    globals = setmetatable({}, { __index = _G }), prompt = "> ",
    read = function()
      self.changed:until_true(function() return #self.said > 0 or self.gone end)
      return table.remove(self.said, 1)
    end,
    write_some = function(bytes)
      if self.stuck then return false end
      take(self, bytes)
      return #bytes
    end,
    write = function(bytes)
      if self.stuck then self.changed:until_true(function() return not self.stuck end) end
      take(self, bytes)
      return true
    end,
  }
  for name, value in next, options do own[name] = value end
  self.session = session.new(own)
  self.serving = scheduler.background(self.session.serve, self.session)
  self:say(frame.HELLO, string.pack("<I2I2B", options.columns or 80, options.rows or 24,
    options.flags or frame.UTF8))
  self:await(function() return self.ready > 0 end)
  return self
end

function Front:say(kind, payload)
  self.said[#self.said + 1] = frame.encode(kind, payload)
  self.changed:wake()
end

--- Waits until something is so, of this front end or of the session.
function Front:await(test)
  local deadline = task.now() + WAIT_MS
  local ok = test()
  while not ok and task.now() < deadline do
    self.changed:wait(LOOK_MS)
    ok = test()
  end
  assert.is_truthy(ok, "it did not come to that; shown:\n" .. self.shown)
  return ok
end

--- Waits until it shows this.
function Front:with(text)
  return self:await(function() return self.shown:find(text, 1, true) end)
end

--- Says a line, to whatever asked for one last.
function Front:submit(text) self:say(frame.SUBMIT, string.pack("<I4", self.invited) .. text) end

--- Ctrl-D.
function Front:end_of_input() self:say(frame.END, string.pack("<BI4", 0, self.invited)) end

--- Enters a line, and does not wait for what it gives.
function Front:begin(text)
  self.shown = ""
  self:submit(text)
end

--- Enters a line; what is shown until the prompt is back.
function Front:enter(text)
  local before = self.ready
  self:begin(text)
  self:await(function() return self.ready > before or self.left end)
  return self.shown
end

--- Whether a text is not whole yet.
function Front:wants_more(text)
  local count = #self.frames
  self:begin(text)
  self:await(function() return #self.frames > count end)
  return self.frames[count + 1][1] == frame.MORE
end

--- What Tab offers behind a text.
---@return integer start, string[] choices
function Front:complete(text)
  local count = #self.frames
  self:say(frame.COMPLETE, string.pack("<I4I4", 9, #text) .. text)
  self:await(function() return #self.frames > count end)
  local kind, payload = table.unpack(self.frames[count + 1])
  assert.equal(frame.CHOICES, kind)
  local ticket, start = string.unpack("<I4I4", payload)
  assert.equal(9, ticket)
  local choices = {}
  for choice in payload:sub(9):gmatch "([^\0]*)\0" do choices[#choices + 1] = choice end
  return start, choices
end

function Front:interrupt()
  self:say(frame.INTERRUPT)
end

--- It is gone, as a terminal that was closed.
function Front:close()
  self.gone = true
  self.changed:wake()
  self.serving:await()
end

return M
