--- The time axis of a batch's timeline: the time in which a run was at work, end to end. Between
--- two runs, where nobody was (a night, say), there is a narrow gap, so that the rest is readable.

local M = {}

M.WIDTH = 1000
local GAP <const>, GAPS_MOST <const> = 18, 160
local NS_OF_MS <const> = 1000000
local TICKS <const> = 6
local SECOND <const>, MINUTE <const>, HOUR <const>, DAY <const> = 1000, 60000, 3600000, 86400000
local STEPS <const> = {
  1, 2, 5, 10, 20, 50, 100, 200, 500,
  SECOND, 2 * SECOND, 5 * SECOND, 10 * SECOND, 20 * SECOND, 30 * SECOND,
  MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 20 * MINUTE, 30 * MINUTE,
  HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY,
}

---@class kavach.batch.Axis
---@field spans table[] { run, x, width, before = ms of work before it }
local Axis = {}
Axis.__index = Axis

---@param runs table[] of facts: { epoch, began, ended, ms }
---@return kavach.batch.Axis
function M.new(runs)
  local total = 0
  for _, run in ipairs(runs) do total = total + run.ms end
  local gap = #runs > 1 and math.min(GAP, GAPS_MOST / (#runs - 1)) or 0
  local scale = total > 0 and (M.WIDTH - gap * (#runs - 1)) / total or 0
  local self = setmetatable({ spans = {}, by_epoch = {}, total = total, gap = gap, scale = scale },
    Axis)
  local x, before = 0, 0
  for i, run in ipairs(runs) do
    local span = { run = run, x = x, width = run.ms * scale, before = before }
    self.spans[i], self.by_epoch[run.epoch] = span, span
    x, before = x + span.width + gap, before + run.ms
  end
  return self
end

--- Where a time of a run is; a clock that was set does not lead out of the run.
---@param epoch integer
---@param ns integer
---@return number? x nil if there is no such run
function Axis:x(epoch, ns)
  local span = self.by_epoch[epoch]
  if not span then return nil end
  local ms = (ns - span.run.began) / NS_OF_MS
  return span.x + math.max(0, math.min(span.width, ms * self.scale))
end

local function label(ms, step, total)
  if total < SECOND then return ("%d ms"):format(ms) end
  if total < 100 * SECOND then return ("%g s"):format(ms / SECOND) end
  if total < 100 * MINUTE then
    if step % MINUTE == 0 then return ("%d min"):format(ms // MINUTE) end
    return ("%d:%02d min"):format(ms // MINUTE, ms % MINUTE // SECOND)
  end
  if total < 4 * DAY then
    if step % HOUR == 0 then return ("%d h"):format(ms // HOUR) end
    return ("%d:%02d h"):format(ms // HOUR, ms % HOUR // MINUTE)
  end
  return ("%g d"):format(ms / DAY)
end

--- Where the axis is labelled.
---@return { x: number, text: string }[]
function Axis:ticks()
  local step = STEPS[#STEPS]
  for _, each in ipairs(STEPS) do
    if self.total / each <= TICKS then
      step = each
      break
    end
  end
  step = math.max(step, math.ceil(self.total / TICKS / step) * step)
  local list, at = {}, 0
  for _, span in ipairs(self.spans) do
    while at <= span.before + span.run.ms and at <= self.total and self.total > 0 do
      list[#list + 1] = {
        x = span.x + (at - span.before) * self.scale, text = label(at, step, self.total),
      }
      at = at + step
    end
  end
  return list
end

return M
