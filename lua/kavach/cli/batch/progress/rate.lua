--- How many jobs end in a second, of late: an exponential mean over about a minute.
---
--- After a time T at a steady rate r the weighed sum of what has ended is r·w·(1 − e^(−T/w)). So
--- the mean is right from the beginning, when the minute is not over, and forgets what is long ago.

local M = {}

local WINDOW_MS <const> = 60000
local EARLY_MS <const> = 2000
local FEW <const> = 3

---@class kavach.batch.Rate
local Rate = {}
Rate.__index = Rate

--- Begins to look.
---@param now number ms
---@param ended integer what has ended by now
---@return kavach.batch.Rate
function M.new(now, ended)
  return setmetatable({ last = now, ended = ended, elapsed = 0, sum = 0, seen = 0 }, Rate)
end

--- So many have ended by now. A time without work (`idle`) does not count.
---@param now number ms
---@param ended integer
---@param idle? boolean
function Rate:sample(now, ended, idle)
  local passed, more = math.max(now - self.last, 0), math.max(ended - self.ended, 0)
  self.last, self.ended, self.seen = now, math.max(ended, self.ended), self.seen + more
  if not idle then
    self.elapsed = self.elapsed + passed
    self.sum = self.sum * math.exp(-passed / WINDOW_MS)
  end
  -- they have ended at any time since the last look: on average half of it ago
  self.sum = self.sum + more * math.exp(-passed / WINDOW_MS / 2)
end

--- In a second; nil while too few have ended to say.
---@param slots? integer how many run at a time: the first of them end together
---@return number?
function Rate:per_second(slots)
  if self.seen < math.max(FEW, slots or 0) or self.elapsed < EARLY_MS then return nil end
  return self.sum / (WINDOW_MS * (1 - math.exp(-self.elapsed / WINDOW_MS))) * 1000
end

--- How long `left` more take at that rate, in ms; nil if that cannot be said.
---@param left integer
---@param slots? integer
---@return number?
function Rate:remaining_ms(left, slots)
  local rate = self:per_second(slots)
  return rate and rate > 0 and left / rate * 1000 or nil
end

return M
