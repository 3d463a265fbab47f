--- Sandboxes that have run a job and wait for the next one, each with what the jobs before have
--- left in it. A job gets one that was asked for with the same options, and has it for itself.

local core = require "kavach.core"
local task = require "kavach.task"

local M = {}

-- One that has waited for so long goes when its memory is wanted.
local IDLE_MS <const> = 5000

---@class kavach.batch.boxes
local Boxes = {}
Boxes.__index = Boxes
Boxes.__name = "kavach.batch.boxes"

---@return kavach.batch.boxes
function M.new()
  -- Of jobs that have their options from the batch, those are one table.
  return setmetatable({ waiting = {}, keys = setmetatable({}, { __mode = "k" }) }, Boxes)
end

-- Options as text: the same for the same ones. Of what is no plain value, only the very same is.
local function text_of(value)
  if type(value) ~= "table" or getmetatable(value) then
    local form = type(value) == "string" and "%q" or "%s"
    return form:format(form == "%q" and value or tostring(value))
  end
  local fields = {}
  for key, field in next, value do
    fields[#fields + 1] = ("[%s]=%s"):format(text_of(key), text_of(field))
  end
  table.sort(fields)
  return "{" .. table.concat(fields, ",") .. "}"
end

local function key_of(self, options)
  local key = self.keys[options]
  if not key then
    key = text_of(options)
    self.keys[options] = key
  end
  return key
end

-- Ends those, side by side, and waits until they are gone.
local function end_all(boxes)
  task.shield(task.scope, function()
    for _, box in ipairs(boxes) do task.spawn(box.destroy, box) end
  end)
end

-- Takes out of those that wait what `wanted` says of them, the one that came last first.
local function take_out(self, wanted, most)
  local taken, kept = {}, {}
  for i = #self.waiting, 1, -1 do
    local entry = self.waiting[i]
    if #taken < most and wanted(entry) then
      taken[#taken + 1] = entry.box
    else
      table.insert(kept, 1, entry)
    end
  end
  self.waiting = kept
  return taken
end

---One that was made by equal options and still answers, which is the caller's then; nil if there is
---none.
---@param options table
---@return kavach.Sandbox?
function Boxes:take(options)
  local key = key_of(self, options)
  while true do
    local box = take_out(self, function(entry) return entry.key == key end, 1)[1]
    if not box then return nil end
    local finished, healthy = pcall(box.health_check, box)
    if finished and healthy then return box end
    box:destroy()
    if not finished then error(healthy, 0) end
  end
end

---Has it wait for the next job.
---@param options table
---@param box kavach.Sandbox
function Boxes:give(options, box)
  if self.closed then
    box:destroy()
    return
  end
  self.waiting[#self.waiting + 1] =
    { key = key_of(self, options), box = box, since = core.now() }
end

---The memory of those that wait, in MiB.
---@return integer
function Boxes:memory_mb()
  local sum = 0
  for _, entry in ipairs(self.waiting) do sum = sum + entry.box.config.memory_limit_mb end
  return sum
end

---Ends those that have waited for a while: five seconds, or as long as is said; 0: all of them.
---Waits until they are gone.
---@param idle_ms? integer
---@return integer memory_mb what they had
function Boxes:shrink(idle_ms)
  local before, last = self:memory_mb(), core.now() - (idle_ms or IDLE_MS)
  end_all(take_out(self, function(entry) return entry.since <= last end, math.maxinteger))
  return before - self:memory_mb()
end

---Ends those that wait, and, once it is given back, each that is in use.
function Boxes:close()
  self.closed = true
  self:shrink(0)
end

Boxes.__close = Boxes.close

return M
