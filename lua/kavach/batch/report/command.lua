--- A job's command as one reads it.

local quote = require "kavach.sandbox.quote"

local M = {}

--- A command as a shell would read it.
---@param command string|string[]
---@return string
function M.of(command)
  return type(command) == "table" and quote.words(command) or command
end

--- The command of a job's table, as a shell would read it; what has none (those of a generator may
--- not be kept) has its id.
---@param job { id: string, spec: { command: string|string[] }? }
---@return string
function M.text(job)
  local command = job.spec and job.spec.command
  return command and M.of(command) or job.id
end

return M
