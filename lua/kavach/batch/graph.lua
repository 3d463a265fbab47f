--- Which jobs wait for which: `needs`, checked when all jobs are known, and followed as they end.

local M = {}

-- Of an id in a message: it may be long.
local SHOWN <const> = 60

---An id as messages have it.
---@param id string
---@return string
function M.shown(id)
  if #id > SHOWN then id = id:sub(1, SHOWN) .. "…" end
  return "'" .. require("kavach.plain").text(id) .. "'"
end

local shown = M.shown

-- The ids from `from` on along the needs that were taken, back to where they began.
local function circle(path, from)
  local names = {}
  local at = 1
  while path[at].job.id ~= from do at = at + 1 end
  for i = at, #path do names[#names + 1] = shown(path[i].job.id) end
  names[#names + 1] = shown(from)
  return table.concat(names, " needs ")
end

-- Walks all that `job` needs, without recursion: a chain may be as long as there are jobs.
local function walk(job, by_id, done)
  local path, on_path = { { job = job, next = 1 } }, { [job.id] = true }
  while #path > 0 do
    local top = path[#path]
    local id = (top.job.needs or {})[top.next]
    top.next = top.next + 1
    if not id then
      on_path[top.job.id], done[top.job.id] = nil, true
      path[#path] = nil
    elseif not by_id[id] then
      return nil, ("job %s needs %s, which there is not"):format(shown(top.job.id), shown(id))
    elseif on_path[id] then
      return nil, "the jobs' needs are a circle: " .. circle(path, id)
    elseif not done[id] then
      path[#path + 1] = { job = by_id[id], next = 1 }
      on_path[id] = true
    end
  end
  return true
end

---Checks the needs of a list of jobs: each must be a job of the list, and there must be no circle.
---@param jobs kavach.batch.job[]
---@return boolean? true
---@return string? message with the path that shows it
function M.check(jobs)
  local by_id, done = {}, {}
  for _, job in ipairs(jobs) do by_id[job.id] = job end
  for _, job in ipairs(jobs) do
    if job.needs and not done[job.id] then
      local ok, message = walk(job, by_id, done)
      if not ok then return nil, message end
    end
  end
  return true
end

-- ---- while they run ---------------------------------------------------------------------------

---@class kavach.batch.graph
local Graph = {}
Graph.__index = Graph

---@return kavach.batch.graph
function M.new()
  return setmetatable({
    dependents = {}, -- id -> jobs that wait for it
    unmet = {}, -- job -> how many it waits for
    count = 0, -- jobs that wait
  }, Graph)
end

---Has the job wait for what it needs: "ready" if there is nothing, "waiting", or "broken" and the
---id of a needed job that did not succeed.
---@param job kavach.batch.job
---@param state_of fun(id: string): string? the state of a job that has ended; nil: it will
---@return "ready"|"waiting"|"broken"
---@return string? id
function Graph:enter(job, state_of)
  if not job.needs then return "ready" end
  local unmet = {}
  for _, id in ipairs(job.needs) do
    local state = state_of(id)
    if state and state ~= "done" then return "broken", id end
    if not state then unmet[id] = true end
  end
  local count = 0
  for id in next, unmet do
    count = count + 1
    self.dependents[id] = self.dependents[id] or {}
    table.insert(self.dependents[id], job)
  end
  if count == 0 then return "ready" end
  self.unmet[job], self.count = count, self.count + 1
  return "waiting"
end

---A job has come to its end. Returns those that can go on, and those that never can.
---@param id string
---@param state string its final one
---@return kavach.batch.job[] ready
---@return kavach.batch.job[] broken
function Graph:settle(id, state)
  local ready, broken = {}, {}
  for _, job in ipairs(self.dependents[id] or {}) do
    local left = self.unmet[job]
    if left and state ~= "done" then
      self.unmet[job], self.count = nil, self.count - 1
      broken[#broken + 1] = job
    elseif left == 1 then
      self.unmet[job], self.count = nil, self.count - 1
      ready[#ready + 1] = job
    elseif left then
      self.unmet[job] = left - 1
    end
  end
  self.dependents[id] = nil
  return ready, broken
end

---Takes a job that waits out.
---@param job kavach.batch.job
---@return boolean whether it was there
function Graph:remove(job)
  if not self.unmet[job] then return false end
  self.unmet[job], self.count = nil, self.count - 1
  return true
end

---The jobs that wait.
---@return fun(): kavach.batch.job?
function Graph:waiting()
  local job
  return function()
    job = next(self.unmet, job)
    return job
  end
end

return M
