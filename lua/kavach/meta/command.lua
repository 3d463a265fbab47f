---@meta kavach.command
-- luacheck: ignore 212 241 (parameters and methods are there for their types)

---A command that runs in a sandbox: what box:start gives.
---@class kavach.command
---@field argv? string[] what its user asked for
---@field pid? integer in the guest, once it has started
local command = {}

---Waits for bytes of its standard output. A command stops while nobody takes its output.
---@param max? integer
---@return string? bytes nil at the end
---@return kavach.Error?
function command:read(max) end

---Waits for bytes of its standard error.
---@param max? integer
---@return string? bytes nil at the end
---@return kavach.Error?
function command:read_stderr(max) end

---Writes to its standard input; waits while the command does not read.
---@param bytes string
---@return boolean? true
---@return kavach.Error?
function command:write(bytes) end

---Ends its standard input.
function command:close_stdin() end

---Waits for its end. Its output must be read, or it may not come to one.
---@param ms? integer at most so long: then nil and an error of kind "timeout"
---@return kavach.wire.exit? exit
---@return kavach.Error?
function command:wait(ms) end

---Waits until it has started, or has failed to.
---@return boolean? true
---@return kavach.Error?
function command:wait_started() end

---Sends a signal to its process group.
---@param signal? integer|string 15, "TERM" or "SIGTERM"; default 15
function command:signal(signal) end

---Ends all that it started, with SIGKILL, or sends it another signal.
---@param signal? integer|string
function command:kill(signal) end

---The size of its terminal has changed.
---@param rows integer
---@param columns integer
function command:resize(rows, columns) end

---Kills what still runs of it and drops its output. Does not wait; can be called twice.
function command:close() end

return command
