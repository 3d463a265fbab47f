-- What is on its way to the disk, and who is told when it is there.

local core = require "kavach.core"
local fault = require "kavach.batch.journal.fault"
local task = require "kavach.task"

---@class kavach.journal.queue
---@field pending integer units that are on their way
local queue = {}
queue.__index = queue

---@param writer userdata of kavach.store, the queue's from now on
---@return kavach.journal.queue?
---@return kavach.Error?
function queue.new(writer)
  local self = setmetatable({ writer = writer, pending = 0, last = 0, told = {}, waiting = {} },
    queue)
  local fd, why = writer:notifier()
  if fd then self.notifier, why = core.stream(fd, true) end
  if not self.notifier then return fault.fail("io", "the journal: " .. tostring(why)) end
  self.ready = function() self:deliver() end
  return self
end

-- As long as something is on its way the loop waits for it, and only then.
local function listen(self)
  if self.listens or self.pending == 0 then return end
  self.listens = true
  self.notifier:wait_read(self.ready)
end

-- Those who wait for all up to some number.
local function tell_waiting(self, number, why)
  local left = {}
  for _, waits in ipairs(self.waiting) do
    if number <= waits.number then waits.why = waits.why or why end
    if number >= waits.number then
      waits.done(waits.why == nil and true or nil, waits.why)
    else
      left[#left + 1] = waits
    end
  end
  self.waiting = left
end

local function deliver_one(self, number, ok, result, kind)
  self.pending = self.pending - 1
  local done = self.told[number]
  self.told[number] = nil
  local why = not ok and fault.of(result, kind) or nil
  if #self.waiting > 0 then tell_waiting(self, number, why) end
  if not done then return end
  if ok then done(true, result) else done(nil, why) end
end

-- If somebody who is told raises, the others are told before that goes up.
function queue:deliver()
  self.listens = false
  self.notifier:try_read()
  local failed, failure = false, nil
  while true do
    local number, ok, result, kind = self.writer:take()
    if not number then break end
    local fine, what = pcall(deliver_one, self, number, ok, result, kind)
    if not fine and not failed then failed, failure = true, what end
  end
  if self.closed and self.pending == 0 then self.notifier:close() end
  listen(self)
  if failed then error(failure, 0) end
end

---Queues a unit.
---@param unit userdata of kavach.store
---@param done? fun(ok: true?, rows_or_err: any) called in the loop
function queue:submit(unit, done)
  if self.closed then error("the journal is closed", 3) end
  local number = self.writer:submit(unit)
  self.pending, self.last, self.told[number] = self.pending + 1, number, done
  listen(self)
end

---Has nothing written from this place on unless the unit holds.
---@param unit userdata of kavach.store
function queue:guard(unit)
  self.last = self.writer:guard(unit)
  self.pending = self.pending + 1
  listen(self)
end

---Queues a unit and waits for it.
---@param unit userdata
---@return true? ok
---@return any rows or the error
function queue:await(unit)
  return task.wait(function(done)
    self:submit(unit, done)
  end)
end

---Waits until all that is on its way is durable.
---@return true? ok
---@return kavach.Error? the first of those that failed
function queue:flush()
  if self.pending == 0 then
    local why = self:trouble()
    return why == nil and true or nil, why
  end
  return task.wait(function(done)
    local waits = { number = self.last, done = done }
    table.insert(self.waiting, waits)
    return function()
      for i, other in ipairs(self.waiting) do
        if other == waits then table.remove(self.waiting, i) break end
      end
    end
  end)
end

---Why nothing is written, if so.
---@return kavach.Error?
function queue:trouble()
  local message, kind
  if not self.closed then message, kind = self.writer:trouble() end
  return message and fault.of(message, kind) or nil
end

---Has writing tried again, with this unit.
---@param unit userdata
---@return true?
---@return kavach.Error?
function queue:retry(unit)
  self.writer:retry()
  local ok, why = self:await(unit)
  return ok, not ok and why or nil
end

---Waits, in the call, until all that is on its way is on the disk. Who waits is told in the loop.
function queue:close()
  if self.closed then return end
  self.closed = true
  self.writer:close()
  if self.pending == 0 then self.notifier:close() end
end

return queue
