--- What the displays of a batch write to: it never waits. What the stream does not take at once
--- queues up, and goes out when it can, in few calls: soon after a quiet time, else every 50 ms.

local core = require "kavach.core"
local err = require "kavach.err"
local waiters = require "kavach.sandbox.waiters"

local M = {}

local EVERY_MS <const> = 50
-- So much goes out at once, whatever the time.
local FULL <const> = 64 * 1024
-- Who makes more than this should wait for the reader.
local UNSENT_MOST <const> = 1024 * 1024

---@class kavach.batch.Writer
---@field lost? kavach.Error why nothing is written any more; `broken` in it: nobody reads
local Writer = {}
Writer.__index = Writer

--- Writes to a descriptor of this process.
---@param fd integer
---@param name string what it is called in errors
---@param on_lost? fun(why: kavach.Error) called once, when it takes no more
---@return kavach.batch.Writer? writer, kavach.Error? error
function M.open(fd, name, on_lost)
  local raw, why = core.stream(fd)
  if not raw then return err.fail("io", ("%s: %s"):format(name, why), { op = "open" }) end
  return M.new(raw, name, on_lost)
end

--- Writes to a stream of kavach.core, which is closed with the writer.
---@return kavach.batch.Writer
function M.new(raw, name, on_lost)
  return setmetatable({
    raw = raw, name = name, on_lost = on_lost, parts = {}, queued = 0, batch = "", from = 1,
    flushed = core.now() - EVERY_MS, changed = waiters.new(),
  }, Writer)
end

local function lose(self, message)
  self.lost = err.new("io", ("%s: cannot write: %s"):format(self.name, message),
    { op = "write", broken = message:find("Broken pipe", 1, true) ~= nil })
  self.parts, self.queued, self.batch, self.from = {}, 0, "", 1
  self.changed:wake()
  if self.on_lost then self.on_lost(self.lost) end
end

-- Writes until the stream takes no more, and then when it does again.
local function push(self)
  while self:unsent() > 0 do
    if self.from > #self.batch then
      self.batch, self.from = table.concat(self.parts), 1
      self.parts, self.queued = {}, 0
    end
    local count, message = self.raw:try_write(self.batch, self.from)
    if count == nil then return lose(self, message) end
    if not count then
      self.waiting = true
      self.raw:wait_write(function()
        self.waiting = false
        push(self)
      end)
      return
    end
    self.from = self.from + count
  end
  self.batch, self.from = "", 1
  self.changed:wake()
end

--- How many bytes the stream has not taken yet.
---@return integer
function Writer:unsent()
  return self.queued + #self.batch - self.from + 1
end

--- Writes what is there, as far as the stream takes it now.
function Writer:flush()
  if self.timer then self.timer:close() end
  self.timer = nil
  self.flushed = core.now()
  if not self.waiting and not self.lost then push(self) end
end

---@param bytes string
---@return true? done, kavach.Error? error
function Writer:write(bytes)
  if self.lost then return nil, self.lost end
  if bytes == "" then return true end
  self.parts[#self.parts + 1] = bytes
  self.queued = self.queued + #bytes
  if self.queued >= FULL then
    self:flush()
  elseif not self.timer and not self.waiting then
    self.timer = core.timer(math.max(self.flushed + EVERY_MS - core.now(), 0), function()
      self.timer = nil
      self:flush()
    end)
  end
  if self.lost then return nil, self.lost end
  return true
end

--- Whether more has yet to go out than who makes it should let there be.
---@return boolean
function Writer:is_behind() return self:unsent() > UNSENT_MOST end

--- Waits until no more than `most` bytes (default: 1 MiB) have yet to go out.
---@param most? integer
---@param ms? integer at most so long
---@return true? done, kavach.Error? error
function Writer:wait(most, ms)
  most = most or UNSENT_MOST
  local function done() return self.lost or self:unsent() <= most end
  if not done() then self.changed:until_true(done, ms and core.now() + ms) end
  if self.lost then return nil, self.lost end
  if self:unsent() > most then return err.fail("timeout", self.name .. ": nobody reads it") end
  return true
end

--- Writes all that is there and ends it. May be called again.
---@param ms? integer at most so long
---@return true? done, kavach.Error? error
function Writer:close(ms)
  if self.closed then return true end
  self.closed = true
  self:flush()
  local finished, done, why = pcall(self.wait, self, 0, ms)
  self.lost = self.lost or err.new("io", self.name .. " is closed")
  self.raw:close()
  if not finished then error(done, 0) end
  return done, why
end

function Writer:__close() self:close() end

return M
