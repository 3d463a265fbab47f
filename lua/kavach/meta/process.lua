---@meta _
-- luacheck: ignore 212 241 (parameters and methods are there for their types)

---Child processes. Each leads a process group of its own, and dies with this process.
---@class kavach.process
local process = {}

---Runs a program to its end and returns what it printed.
---
---```lua
---local result = assert(kavach.process.exec({ "uname", "-a" }, { timeout_ms = 1000 }))
---print(result.exit_code, result.stdout)
---```
---@param argv string[] the program and its arguments
---@param options? kavach.ExecOptions
---@return kavach.ProcessResult? result
---@return kavach.Error?
function process.exec(argv, options) end

---Starts a program. What cannot be run shows when it is waited for.
---
---```lua
---local cat <close> = assert(kavach.process.start({ "cat" }, { stdin = "pipe" }))
---cat:write "hello"
---cat.stdin:close()
---print(cat:read(), cat:wait().exit_code)
---```
---@param argv string[] the program and its arguments
---@param options? kavach.StartOptions
---@return kavach.Process? process
---@return kavach.Error?
---@see kavach.Process
function process.start(argv, options) end

---Of `kavach.process.start`.
---@class kavach.StartOptions
---@field env? table<string, string> all of its environment; default: this process's
---@field cwd? string the folder that it starts in
---@field stdin? "null"|"pipe"|"inherit"|kavach.Stream default "null"
---@field stdout? "pipe"|"null"|"inherit" default "pipe"
---@field stderr? "pipe"|"null"|"inherit"|"stdout" default "pipe"
---@field program? userdata an open file that is run, whatever argv[1] names

---What `kavach.process.exec` gives.
---@class kavach.ProcessResult
---@field exit_code integer -1 if the time was up, 128 + N if signal N ended it
---@field signal? integer that ended it
---@field timed_out boolean
---@field stdout string
---@field stderr string
---@field stdout_truncated boolean
---@field stderr_truncated boolean
---@field duration_ms integer
---@field cpu_ms integer
---@field max_rss_kb integer

---A program that kavach.process.start has started.
---@class kavach.Process
---@field stdin? kavach.Stream
---@field stdout? kavach.Stream
---@field stderr? kavach.Stream
local Process = {}

---The process's number: waits until it runs.
---
---```lua
---local sleep <close> = assert(kavach.process.start { "sleep", "1" })
---print(sleep:pid())
---```
---@return integer? pid
---@return kavach.Error? why it could not be run
function Process:pid() end

---Waits for bytes of its standard output.
---
---```lua
---local uname <close> = assert(kavach.process.start { "uname" })
---for bytes in function() return uname:read() end do io.write(bytes) end
---```
---@param max? integer default 65536
---@return string? bytes nil at the end
function Process:read(max) end

---Writes to its standard input.
---
---```lua
---local cat <close> = assert(kavach.process.start({ "cat" }, { stdin = "pipe" }))
---cat:write "hello\n"
---```
---@param bytes string
---@return true? done
---@return kavach.Error?
function Process:write(bytes) end

---Sends a signal to its process group.
---
---```lua
---local sleep <close> = assert(kavach.process.start { "sleep", "60" })
---sleep:kill()
---```
---@param signal? integer default 15: SIGTERM
function Process:kill(signal) end

---Waits for its end.
---
---```lua
---local uname <close> = assert(kavach.process.start { "uname" })
---print(assert(uname:wait()).exit_code)
---```
---@return { exit_code: integer, signal: integer?, cpu_ms: integer, max_rss_kb: integer }? exit
---@return kavach.Error? why it could not be run
function Process:wait() end

---Kills it if it runs, and closes its streams. May be called again.
---
---```lua
---local sleep = assert(kavach.process.start { "sleep", "60" })
---sleep:close()
---```
function Process:close() end
