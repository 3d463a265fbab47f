--- The jobs that could start: the highest priority first; of one priority the tags take turns, so
--- that a tag with ten thousand jobs does not keep another's ten waiting; of one tag in order.

local heap = require "kavach.batch.heap"
local new_line = require("kavach.batch.line").new

---@class kavach.batch.queue
---@field count integer
local Queue = {}
Queue.__index = Queue

local M = {}

---@return kavach.batch.queue
function M.new()
  return setmetatable({
    levels = {}, -- by priority
    -- A heap of the negative priorities: each job may have one of its own, so they are not sorted
    -- with each that comes. The lowest has jobs; one behind it may have none left.
    order = {},
    count = 0,
  }, Queue)
end

local function highest(self)
  return self.order[1] and self.levels[-self.order[1]]
end

-- Forgets the highest levels that have no jobs any more: so the highest that is left has some.
local function prune(self)
  local level = highest(self)
  while level and level.turns:is_empty() do
    self.levels[-heap.pop(self.order)] = nil
    level = highest(self)
  end
end

-- ---- jobs --------------------------------------------------------------------------------------

---@param job kavach.batch.job
function Queue:add(job)
  local level = self.levels[job.priority]
  if not level then
    level = { tags = {}, turns = new_line() }
    self.levels[job.priority] = level
    heap.push(self.order, -job.priority)
  end
  local line = level.tags[job.tag]
  if not line then
    line = new_line()
    line.tag = job.tag
    level.tags[job.tag] = line
    level.turns:append(line)
  end
  line:append(job)
  self.count = self.count + 1
end

---Takes the job whose turn it is.
---@return kavach.batch.job?
function Queue:take()
  local level = highest(self)
  if not level then return nil end
  local line = level.turns:shift()
  local job = line:shift()
  if line:is_empty() then level.tags[line.tag] = nil else level.turns:append(line) end
  self.count = self.count - 1
  prune(self)
  return job
end

---Takes a certain one out.
---@param job kavach.batch.job
---@return boolean whether it was there
function Queue:remove(job)
  local level = self.levels[job.priority]
  local line = level and level.tags[job.tag]
  if not line or not line:remove(job) then return false end
  self.count = self.count - 1
  if line:is_empty() then -- it has no turn any more
    level.tags[line.tag] = nil
    level.turns:remove(line)
    prune(self)
  end
  return true
end

return M
