--- The bars of a timeline: the attempts of a batch over its slots, a lane each. What is narrower
--- than a grain is merged with its neighbours: there are only so many bars, whatever the attempts.

local WIDTH <const> = require("kavach.batch.report.axis").WIDTH

local M = {}

local LANES <const> = 256
local GRAINS <const> = 20000
-- Of several attempts in one grain, the state that one must not miss is shown.
local WEIGHTS <const> = { failed = 5, interrupted = 4, cancelled = 3, running = 2, done = 1 }

local function lane_of(lanes, slot)
  if lanes.slots <= LANES then return slot end
  return (slot - 1) * LANES // lanes.slots + 1
end

local function put(lane, attempt, x, width, grain)
  local state = attempt.state
  if width >= grain then
    lane.bars[#lane.bars + 1] = {
      x = x, width = width, state = state, attempt = attempt, count = 1,
    }
    return
  end
  local at = math.min(math.floor(x / grain), math.ceil(WIDTH / grain) - 1)
  local bin = lane.bins[at]
  if not bin then
    bin = { state = state, count = 0, failed = 0 }
    lane.bins[at] = bin
  end
  if WEIGHTS[state] > WEIGHTS[bin.state] then bin.state = state end
  bin.count = bin.count + 1
  if state == "failed" then bin.failed = bin.failed + 1 end
end

-- Grains beside each other that show the same state become one bar.
local function merge(lane, grain)
  local last
  for at = 0, math.ceil(WIDTH / grain) - 1 do
    local bin = lane.bins[at]
    if bin and last and last.state == bin.state then
      last.width, last.count = last.width + grain, last.count + bin.count
    elseif bin then
      last = { x = at * grain, width = grain, state = bin.state, count = bin.count }
      lane.bars[#lane.bars + 1] = last
    else
      last = nil
    end
  end
  lane.bins = nil
end

--- The lanes, each a list of bars { x, width, state, count, attempt = the one, or nil }.
---@param r table a reader of a journal
---@param facts table
---@param axis kavach.batch.Axis
---@return table[] lanes
function M.of(r, facts, axis)
  local lanes = { slots = facts.slots, grain = 1 }
  local count = math.min(facts.slots, LANES)
  lanes.grain = math.max(1, count * WIDTH / GRAINS)
  for i = 1, count do lanes[i] = { bars = {}, bins = {} } end
  for attempt in r:attempts() do
    local span = axis.by_epoch[attempt.epoch]
    if attempt.started_ns and span and WEIGHTS[attempt.state] then
      local x = axis:x(attempt.epoch, attempt.started_ns)
      local last = axis:x(attempt.epoch, attempt.ended_ns or span.run.ended)
      local slot = math.max(1, math.min(attempt.slot or 1, facts.slots))
      put(lanes[lane_of(lanes, slot)], attempt, x, math.max(0, last - x), lanes.grain)
    end
  end
  for _, lane in ipairs(lanes) do merge(lane, lanes.grain) end
  return lanes
end

return M
