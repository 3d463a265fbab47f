--- Puts what jobs have printed into the order of the jobs: each is held until those before it have
--- ended. What is held does not grow with the batch: over a limit, the journal has it.

local M = {}

local HELD_MOST <const> = 16 * 1024 * 1024

---@class kavach.batch.Order
local Order = {}
Order.__index = Order

---@param over? fun(seq: integer): boolean
---@param read? fun(seq: integer, attempt: integer, name: string): table?
---@return kavach.batch.Order
function M.new(over, read)
  return setmetatable({
    over = over or function() return false end, read = read,
    held = {}, bytes = 0, at = 1, last = 0,
  }, Order)
end

local FINAL <const> = { failed = true, skipped = true, cancelled = true }

--- Which jobs earlier runs have ended, as `over` of new: asked for in their order.
---@param reader kavach.journal.reader at the beginning of this run
---@param again boolean those that have failed are run again
---@return fun(seq: integer): boolean
function M.ended_before(reader, again)
  local first, last, at = {}, {}, 1 -- so many ranges
  for job in reader:jobs { spec = false } do
    if job.state == "done" or FINAL[job.state] and not again then
      if last[#last] ~= job.seq - 1 then first[#first + 1] = job.seq end
      last[#first] = job.seq
    end
  end
  return function(seq)
    while last[at] and last[at] < seq do at = at + 1 end
    return first[at] ~= nil and first[at] <= seq
  end
end

local function text_size(output) return output and output.text and #output.text or 0 end

---@param entry table
function Order:add(entry)
  local size = text_size(entry.stdout) + text_size(entry.stderr)
  if self.read and self.bytes + size > HELD_MOST and entry.seq ~= self.at then
    entry.stdout, entry.stderr, entry.stored, size = nil, nil, true, 0
  end
  entry.size = size
  self.bytes = self.bytes + size
  self.held[entry.seq] = entry
  self.last = math.max(self.last, entry.seq)
end

-- The first that is held when nothing comes any more; nil if none is.
local function lowest(self)
  if not self.rest then
    self.rest = {}
    for seq in next, self.held do self.rest[#self.rest + 1] = seq end
    table.sort(self.rest, function(a, b) return a > b end)
  end
  while #self.rest > 0 do
    local seq = table.remove(self.rest)
    if self.held[seq] then return seq end
  end
end

--- Takes the next whose turn it is; nil if that is not there yet.
---@param all? boolean do not wait for those that are missing
---@return table? entry
function Order:next(all)
  while self.at < self.last and not self.held[self.at] and self.over(self.at) do
    self.at = self.at + 1
  end
  if all and not self.held[self.at] then self.at = lowest(self) or self.at end
  local entry = self.held[self.at]
  if not entry then return nil end
  self.held[self.at] = nil
  self.at = self.at + 1
  self.bytes = self.bytes - entry.size
  if entry.stored then
    entry.stdout = self.read(entry.seq, entry.attempt, "stdout")
    entry.stderr = self.read(entry.seq, entry.attempt, "stderr")
  end
  return entry
end

return M
