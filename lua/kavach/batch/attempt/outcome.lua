--- What became of an attempt: why it failed, in words, if it did.

local M = {}

local ENOENT <const> = 2
local NOT_EXECUTABLE <const>, NOT_FOUND <const> = 126, 127

---@class kavach.batch.result
---@field exit_code integer the command's own; 128 + signal if one ended it; -1 if there is none
---@field signal? integer that ended it
---@field timed_out boolean
---@field oom_killed boolean
---@field duration_ms integer of the command, without the boot
---@field cpu_ms integer
---@field max_rss_kb integer
---@field boot_ms? integer of the sandbox: 0 if it ran already, nil of a process
---@field backend? string "process", or that of the sandbox
---@field started_ns integer since 1970
---@field ended_ns integer
---@field stdout kavach.batch.captured
---@field stderr kavach.batch.captured
---@field reason? string why it failed: nil if it succeeded
---@field error? kavach.Error it could not be run
---@field files? kavach.batch.file[] what was got out of the guest
---@field files_path? string the folder that they are in
---@field trouble? kavach.Error what went wrong beside it

---Notes that a program could not be run, as a shell does, or that nothing could.
---@param result kavach.batch.result
---@param why kavach.Error
---@param is_program boolean what failed is the start of the program itself
function M.not_run(result, why, is_program)
  result.reason = tostring(why)
  if is_program then
    result.exit_code = why.errno == ENOENT and NOT_FOUND or NOT_EXECUTABLE
  else
    result.exit_code, result.error = -1, why
  end
end

---Why a command that ran did not succeed; nothing if it did.
---@param result kavach.batch.result
---@param job kavach.batch.job
---@return string?
function M.reason(result, job)
  if result.timed_out then return ("the time was up (%d ms)"):format(job.timeout_ms) end
  if result.oom_killed then return "the guest ran out of memory and killed a process of it" end
  if result.signal then return ("ended by signal %d"):format(result.signal) end
  if result.exit_code ~= 0 then return ("exit code %d"):format(result.exit_code) end
end

return M
