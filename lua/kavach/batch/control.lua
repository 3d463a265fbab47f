--- The methods of the control socket by which a batch that runs is watched and steered:
---
---   batch.snapshot  name            what a display shows: see schedule:snapshot(), with `batch`
---   batch.pause, batch.continue  name
---   batch.jobs      name, jobs      how many run at a time from now on
---   batch.cancel    name, job       one job; without `job` the batch, to be resumed later

local control = require "kavach.sandbox.control"
local err = require "kavach.err"
local plain = require "kavach.plain"

local M = {}

local running = {} -- batches by name; each has its schedule

local NAME = { type = "string", required = true }

local function method(name, params, run)
  params.name = NAME
  control.register("batch." .. name, {
    params = params,
    run = function(given)
      local batch = running[given.name]
      if not batch then
        return err.fail("invalid_argument", ("no batch '%s' runs here"):format(given.name))
      end
      return run(batch.schedule, given)
    end,
  })
end

local function register()
  method("snapshot", {}, function(schedule, given)
    local snapshot = schedule:snapshot()
    snapshot.batch = given.name
    for _, each in ipairs(snapshot.running) do
      -- Both may be any bytes, and this is JSON.
      each.job, each.last_line = plain.text(each.job), each.last_line and plain.text(each.last_line)
    end
    return snapshot
  end)
  method("pause", {}, function(schedule)
    schedule:pause()
    return {}
  end)
  method("continue", {}, function(schedule)
    schedule:continue()
    return {}
  end)
  method("jobs", { jobs = { type = "integer", min = 1, max = 100000, required = true } },
    function(schedule, given)
      schedule:set_jobs(given.jobs)
      return {}
    end)
  method("cancel", { job = "string" }, function(schedule, given)
    if given.job then
      local ok, why = schedule:cancel(given.job, "cancelled by name")
      if not ok then return nil, why end
    else
      schedule:stop("cancel", "it was cancelled", "cancelled")
    end
    return {}
  end)
end

---Has a batch reachable until what is returned is closed, or says why it is not.
---@param batch kavach.Batch
---@return table handle
---@return kavach.Error? unreachable
function M.open(batch)
  local name = batch.name
  if not next(running) then register() end
  running[name] = batch
  local _, why = control.listen()
  return setmetatable({}, { __close = function() running[name] = nil end }), why
end

---The batches that this process runs, by name.
---@return table<string, kavach.Batch>
function M.batches() return running end

return M
