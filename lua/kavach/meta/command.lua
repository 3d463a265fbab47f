---@meta _
-- luacheck: ignore 212 241 (parameters and methods are there for their types)

---A command that runs in a sandbox: what box:start gives.
---@class kavach.command
---@field argv? string[] what its user asked for
---@field pid? integer in the guest, once it has started
local command = {}

---Waits for bytes of its standard output. A command stops while nobody takes its output.
---
---```lua
---local box <close> = assert(kavach.sandbox())
---local command <close> = assert(box:start "echo hello")
---print(command:read())
---```
---@param max? integer
---@return string? bytes nil at the end
---@return kavach.Error?
function command:read(max) end

---Waits for bytes of its standard error.
---
---```lua
---local box <close> = assert(kavach.sandbox())
---local command <close> = assert(box:start "echo hello >&2")
---print(command:read_stderr())
---```
---@param max? integer
---@return string? bytes nil at the end
---@return kavach.Error?
function command:read_stderr(max) end

---Writes to its standard input; waits while the command does not read.
---
---```lua
---local box <close> = assert(kavach.sandbox())
---local command <close> = assert(box:start "cat")
---command:write "hello\n"
---```
---@param bytes string
---@return boolean? true
---@return kavach.Error?
function command:write(bytes) end

---Ends its standard input.
---
---```lua
---local box <close> = assert(kavach.sandbox())
---local command <close> = assert(box:start "cat")
---command:close_stdin()
---```
function command:close_stdin() end

---Waits for its end. Its output must be read, or it may not come to one.
---
---```lua
---local box <close> = assert(kavach.sandbox())
---local command <close> = assert(box:start "true")
---print(assert(command:wait(1000)).exit_code)
---```
---@param ms? integer at most so long: then nil and an error of kind "timeout"
---@return kavach.wire.exit? exit
---@return kavach.Error?
function command:wait(ms) end

---Waits until it has started, or has failed to.
---
---```lua
---local box <close> = assert(kavach.sandbox())
---local command <close> = assert(box:start "sleep 60")
---assert(command:wait_started())
---```
---@return boolean? true
---@return kavach.Error?
function command:wait_started() end

---Sends a signal to its process group.
---
---```lua
---local box <close> = assert(kavach.sandbox())
---local command <close> = assert(box:start "sleep 60")
---command:signal "INT"
---```
---@param signal? integer|string 15, "TERM" or "SIGTERM"; default 15
function command:signal(signal) end

---Ends all that it started, with SIGKILL, or sends it another signal.
---
---```lua
---local box <close> = assert(kavach.sandbox())
---local command <close> = assert(box:start "sleep 60")
---command:kill()
---```
---@param signal? integer|string
function command:kill(signal) end

---The size of its terminal has changed.
---
---```lua
---local box <close> = assert(kavach.sandbox())
---local command <close> = assert(box:start("top", { pty = { rows = 24, columns = 80 } }))
---command:resize(50, 120)
---```
---@param rows integer
---@param columns integer
function command:resize(rows, columns) end

---Kills what still runs of it and drops its output. Does not wait; can be called twice.
---
---```lua
---local box <close> = assert(kavach.sandbox())
---local command <close> = assert(box:start "sleep 60")
---command:close()
---```
function command:close() end
