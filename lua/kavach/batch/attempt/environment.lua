--- The environment of a job: what is the job's own, what it is told of itself, and, of a plain
--- process, what kavach has from whoever started it.

local core = require "kavach.core"

local M = {}

local TOLD <const> = { "KAVACH_BATCH", "KAVACH_JOB", "KAVACH_ATTEMPT", "KAVACH_SLOT" }

---The variable by which the processes of a run are known, also when it has died.
M.RUN = "KAVACH_BATCH_RUN"

local RUN_IS <const> = M.RUN .. "="

local NONE <const> = {}

-- What all processes with the same environment of their own share, by that map: a batch has
-- thousands of them. Ours is read once.
local bases = setmetatable({}, { __mode = "k" })

local function base_of(env)
  local base = bases[env]
  if base then return base end
  local others = { [M.RUN] = true }
  for _, name in ipairs(TOLD) do others[name] = true end
  base = {}
  for name, value in next, env do
    if not others[name] then base[#base + 1] = name .. "=" .. value end
    others[name] = true
  end
  table.sort(base)
  for _, entry in ipairs(core.environ()) do
    if not others[entry:match "^[^=]*"] then base[#base + 1] = entry end
  end
  bases[env] = base
  return base
end

---Of a process: a list, as kavach.core takes it.
---@param job kavach.batch.job
---@param context kavach.batch.context
---@return string[]
function M.list(job, context)
  local base = base_of(job.env or NONE)
  local list = table.move(base, 1, #base, 1, {})
  local count = #base
  list[count + 1] = "KAVACH_BATCH=" .. context.batch
  list[count + 2] = "KAVACH_JOB=" .. job.id
  list[count + 3] = "KAVACH_ATTEMPT=" .. context.number
  list[count + 4] = "KAVACH_SLOT=" .. context.slot
  list[count + 5] = RUN_IS .. context.run
  return list
end

---Of a command in a guest: a map.
---@param job kavach.batch.job
---@param context kavach.batch.context
---@return table<string, string>
function M.map(job, context)
  local map = {}
  for name, value in next, job.env or NONE do map[name] = value end
  map.KAVACH_BATCH, map.KAVACH_JOB = context.batch, job.id
  map.KAVACH_ATTEMPT, map.KAVACH_SLOT = tostring(context.number), tostring(context.slot)
  return map
end

return M
