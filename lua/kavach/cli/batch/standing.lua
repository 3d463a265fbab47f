--- How things stand with a batch, from anywhere: what its journal has, and what its runner says if
--- it lives and answers.

local M = {}

local RUNNING_SHOWN <const> = 64

---@class kavach.batch.Standing
---@field name string
---@field reader table of kavach.batch.journal
---@field folder string that paths of outputs begin in
local Standing = {}
Standing.__index = Standing

--- Opens the journal of a batch, for reading.
---@param name string
---@return kavach.batch.Standing?
---@return kavach.Error?
function M.open(name)
  local where, why = require("kavach.batch.place").existing(name)
  if not where then return nil, why end
  local reader
  reader, why = require("kavach.batch.journal").reader(where.db)
  if not reader then return nil, why end
  return setmetatable({ name = name, reader = reader, folder = where.out }, Standing)
end

local function this_boot()
  local file <close> = io.open "/proc/sys/kernel/random/boot_id"
  return file and file:read "l"
end

local function host_of(run) return ("%d-%s"):format(run.pid, run.start) end

-- Whether the run's process lives.
local function is_alive(run)
  return not run.ended_ns and (not run.boot_id or run.boot_id == this_boot())
    and require("kavach.sandbox.control.hosts").alive(host_of(run))
end

-- What the runner says; nil if it does not answer.
local function ask(self, run)
  local client = require "kavach.sandbox.control.client"
  if not self.connection or self.connection.lost or self.host ~= host_of(run) then
    self.host = host_of(run)
    self.connection = client.connect(self.host)
    if not self.connection then return nil end
  end
  local snapshot = client.ask(self.connection, "batch.snapshot", { name = self.name },
    client.PATIENCE_MS)
  local fits = snapshot and snapshot.batch == self.name and type(snapshot.counts) == "table"
  return fits and require("kavach.cli.batch.values").without_null(snapshot) or nil
end

-- A snapshot as the runner would have it, from the journal.
local function recorded(self, run, alive)
  local now, running = require("kavach.core").wall_clock(), {}
  if alive then
    for job in self.reader:jobs { state = "running", limit = RUNNING_SHOWN, spec = false } do
      running[#running + 1] = { job = job.id, attempt = job.attempts,
        age_ms = math.max(now - (job.changed_ns or now), 0) // 1000000 }
    end
  end
  local counts, why = self.reader:counts()
  if not counts then return nil, why end
  return { batch = self.name, jobs = run and run.jobs, running = running, counts = counts }
end

---@class kavach.batch.Standing.facts
---@field state "new"|"running"|"died"|string how the last run ended
---@field run? table the last run
---@field live? table what the runner says
---@field snapshot table that, or what the journal has instead

--- How things stand now.
---@return kavach.batch.Standing.facts?
---@return kavach.Error?
function Standing:look()
  local runs, why = self.reader:runs()
  if not runs then return nil, why end
  local run = runs[#runs]
  local alive = run ~= nil and is_alive(run)
  local live = alive and ask(self, run) or nil
  local state = "new"
  if alive then
    state = "running"
  elseif run then
    state = run.ended_ns and (run.ending or "ended") or "died"
  end
  local snapshot = live
  if not live then
    snapshot, why = recorded(self, run, alive)
    if not snapshot then return nil, why end
  end
  return { state = state, run = run, live = live, snapshot = snapshot }
end

function Standing:close()
  if self.connection then self.connection:close() end
  self.reader:close()
end

Standing.__close = Standing.close

return M
