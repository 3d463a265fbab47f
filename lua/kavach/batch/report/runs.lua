--- How the runs of a batch (the processes that worked on it) ended, if they did.

local hosts = require "kavach.sandbox.control.hosts"

local M = {}

local function boot_id()
  local file <close> = io.open("/proc/sys/kernel/random/boot_id", "rb")
  return file and file:read "l"
end

--- Whether the process of a run is still there.
---@param run table of r:runs()
---@return boolean
function M.alive(run)
  if run.ended_ns or not run.pid or not run.start then return false end
  return (run.boot_id == nil or run.boot_id == boot_id())
    and hosts.alive(("%d-%s"):format(run.pid, run.start))
end

local SAID <const> = {
  done = "every job done", failed = "some job failed", halted = "halted by failures",
  error = "could not go on", journal = "the journal could not be written",
}

--- "running", "died", or how it ended, as a document and as a person says it.
---@param run table
---@return string state
---@return string said
function M.ending(run)
  if run.ended_ns then
    local ending = run.ending or "done"
    local signal = ending:match "^signal (%d+)$"
    return ending, signal and ("stopped by signal " .. signal) or SAID[ending] or ending
  end
  if M.alive(run) then return "running", "running" end
  return "died", "died without an end"
end

return M
