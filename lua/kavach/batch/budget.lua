--- What the machine has for jobs: memory and processors, its load, and how many may start when.

local meminfo = require "kavach.meminfo"

local M = {}

-- Of the memory that is free when the batch begins: guests and all else need some, too.
local SHARE <const> = 0.8
-- A load that was read is good for so long; the kernel computes it each five seconds.
local LOAD_GOOD_MS <const> = 1000

---@class kavach.batch.budget
local Budget = {}
Budget.__index = Budget

local function read_load()
  local file <close> = io.open "/proc/loadavg"
  return file and tonumber((file:read "l" or ""):match "^%S+") or 0
end

---@param options table memory_mb, cpus, load, rate: see kavach.batch.options
---@param clock { now: fun(): integer, load?: fun(): number }
---@return kavach.batch.budget
function M.new(options, clock)
  return setmetatable({
    memory_mb = options.memory_mb, cpus = options.cpus, load = options.load, rate = options.rate,
    used_mb = 0, used_cpus = 0, running = 0, starts = 0,
    now = clock.now, read_load = clock.load or read_load,
  }, Budget)
end

-- What a job takes of it. A plain process has no limits, and so no part.
local function needs(job)
  local box = job.sandbox
  if not box then return 0, 0 end
  return box.memory_limit_mb or 512, box.cpu_limit or 1
end

local function memory(self)
  if not self.memory_mb then
    self.memory_mb = math.floor((meminfo "MemAvailable" or math.maxinteger) * SHARE)
  end
  return self.memory_mb
end

---Why the job can never run here, if so.
---@param job kavach.batch.job
---@return string?
function Budget:never(job)
  local mb, cpus = needs(job)
  if mb > 0 and mb > memory(self) then
    return ("it needs %d MiB of memory, and there are %d MiB for all jobs together"):format(mb,
      memory(self))
  elseif self.cpus and cpus > self.cpus then
    return ("it needs %g processors, and there are %g for all jobs together"):format(cpus,
      self.cpus)
  end
end

-- While nothing runs, the load is of others, who may never end.
local function load_wait(self, now)
  if not self.load or self.running == 0 then return 0 end
  if not self.load_read or now - self.load_read >= LOAD_GOOD_MS then
    self.load_read, self.load_seen = now, self.read_load()
  end
  return self.load_seen > self.load and LOAD_GOOD_MS or 0
end

local function rate_wait(self, now)
  if not self.rate or self.starts == 0 then return 0 end
  local due = self.last_start + self.rate.per_ms / self.rate.count
  return math.max(0, math.ceil(due - now))
end

---Whether the job may start: 0; or in how many milliseconds to ask again; nil if another has to end
---first.
---@param job kavach.batch.job
---@return integer? milliseconds
function Budget:wait_for(job)
  local mb, cpus = needs(job)
  if mb > 0 and self.used_mb + mb > memory(self) then return nil end
  if self.cpus and cpus > 0 and self.used_cpus + cpus > self.cpus then return nil end
  local now = self.now()
  return math.max(load_wait(self, now), rate_wait(self, now))
end

---@param job kavach.batch.job that starts
function Budget:take(job)
  local mb, cpus = needs(job)
  self.used_mb, self.used_cpus = self.used_mb + mb, self.used_cpus + cpus
  self.running, self.starts = self.running + 1, self.starts + 1
  if self.rate then
    -- From when it was due, so that a rate is kept on average; but not to catch up with a pause.
    local now, step = self.now(), self.rate.per_ms / self.rate.count
    local due = self.last_start and self.last_start + step or now
    self.last_start = math.max(due, now - step)
  end
end

---@param job kavach.batch.job that has ended
function Budget:give(job)
  local mb, cpus = needs(job)
  self.used_mb, self.used_cpus = self.used_mb - mb, self.used_cpus - cpus
  self.running = self.running - 1
end

return M
