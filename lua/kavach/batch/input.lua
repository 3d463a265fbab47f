--- Standard input of a batch, which its journal keeps as it comes: a batch that is resumed reads it
--- from there. It is read whether or not the jobs can keep up, so that nothing of it is lost when
--- this process is.

local err = require "kavach.err"
local task = require "kavach.task"
local waiters = require "kavach.sandbox.waiters"

local M = {}

---@class kavach.batch.input
---@field cut boolean an earlier run did not get to its end, so there is more that nobody knows
local Input = {}
Input.__index = Input

---@param stream kavach.Stream? nil: only what the journal has
---@return kavach.batch.input
function M.new(stream)
  return setmetatable({
    stream = stream, early = {}, at = 0, count = 0, changed = waiters.new(), cut = false,
  }, Input)
end

-- Reads all of it into the journal, piece by piece.
local function take_in(self)
  for _, bytes in ipairs(self.early) do self:keep(bytes) end
  self.early = nil
  while not self.ended do
    local bytes, why = self.stream:read()
    if why then
      self.failure = why
      break
    end
    self:keep(bytes or "")
    self.ended = bytes == nil
  end
  self.changed:wake()
end

-- Waits until a piece is durable: there is never more than one in memory.
function Input:keep(bytes)
  local ok, why = task.wait(function(done)
    self.journal:keep_input(self.count + 1, bytes, done)
  end)
  if not ok then error(why, 0) end
  if bytes == "" then return end
  self.count = self.count + 1
  self.changed:wake()
end

---From now on it is in this journal. Called by the run, whose scope the reading belongs to.
---@param journal kavach.Journal or a reader, to read what there is
---@return boolean? true
---@return kavach.Error?
function Input:open(journal)
  local count, ended = journal:input_count()
  if not count then return nil, ended end
  self.journal, self.count, self.ended = journal, count, ended
  if not self.stream then
    self.cut, self.ended = not ended, true
    return true
  end
  self.reader = task.spawn(function()
    local fine, why = pcall(take_in, self)
    if fine or err.is(why, "cancelled") then return end
    self.failure = err.is(why) and why or err.wrap(why, "standard input")
    self.changed:wake()
  end)
  return true
end

-- Before there is a journal: what a header takes.
local function read_early(self)
  local bytes, why = self.stream:read()
  if why then return nil, why end
  if bytes then
    self.early[#self.early + 1] = bytes
    self.at = self.at + 1
  end
  return bytes
end

---Some bytes; nil at the end, or nil and an error.
---@return string?
---@return kavach.Error?
function Input:read()
  if not self.journal then return read_early(self) end
  self.changed:until_true(function()
    return self.count > self.at or self.ended or self.failure
  end)
  if self.count > self.at then
    self.at = self.at + 1
    return self.journal:input(self.at)
  end
  if self.failure then return nil, self.failure end
  if self.cut then
    return err.fail("io", "the batch ended before it was read to its end, and what came then is "
      .. "not known", { cut = true })
  end
end

---Reads no more. What was read stays.
function Input:close()
  if self.reader then self.reader:cancel() end
end

return M
