---@meta _
-- luacheck: ignore 212 241 (parameters and methods are there for their types)

---A virtual machine in which commands run, many at a time: what kavach.sandbox starts.
---@class kavach.Sandbox
---@field backend string "sev-snp", "kvm" or "tcg"
---@field confidential boolean
---@field id string PID-N
---@field name? string what it is called, while it runs
---@field template { digest: string?, made: boolean?, why: string? } what it is a copy of
local Sandbox = {}

---Runs a command to its end. One that fails or runs out of time is a result, not an error.
---
---```lua
---local box <close> = assert(kavach.sandbox())
---local result = assert(box:exec({ "sort" }, { stdin = "b\na\n", timeout_ms = 5000 }))
---print(result.exit_code, result.stdout)
---```
---@param command string|string[] a line for the guest's /bin/sh, or a program and its arguments
---@param options? kavach.SandboxExecOptions
---@return kavach.ExecResult? result
---@return kavach.Error?
function Sandbox:exec(command, options) end

---Starts a command and returns it while it runs.
---
---```lua
---local box <close> = assert(kavach.sandbox())
---local command <close> = assert(box:start "echo hello")
---print(command:read(), command:wait().exit_code)
---```
---@param command string|string[] a line for the guest's /bin/sh, or a program and its arguments
---@param options? kavach.SandboxStartOptions
---@return kavach.command? command
---@return kavach.Error?
---@see kavach.command
function Sandbox:start(command, options) end

---Copies a file of the host into the guest, or what is in a folder into a folder there.
---
---```lua
---local box <close> = assert(kavach.sandbox())
---assert(box:put("/etc/hosts", "/tmp/hosts"))
---```
---@param source string
---@param target string absolute path in the guest
---@param options? kavach.CopyOptions
---@return boolean? true
---@return kavach.Error?
function Sandbox:put(source, target, options) end

---Copies a file or folder of the guest to the host. The target appears when it is whole.
---
---```lua
---local box <close> = assert(kavach.sandbox())
---assert(box:get("/etc/passwd", "passwd.guest"))
---```
---@param source string absolute path in the guest
---@param target string that of a folder must not exist
---@param options? kavach.CopyOptions
---@return boolean? true
---@return kavach.Error?
function Sandbox:get(source, target, options) end

---Has the machine stand still, with all that runs in it.
---
---```lua
---local box <close> = assert(kavach.sandbox())
---assert(box:pause())
---assert(box:resume())
---```
---@return boolean? true
---@return kavach.Error?
function Sandbox:pause() end

---Has a paused machine go on; the guest's clock is set anew.
---
---```lua
---local box <close> = assert(kavach.sandbox())
---assert(box:pause())
---assert(box:resume())
---```
---@return boolean? true
---@return kavach.Error?
function Sandbox:resume() end

---Where it is in its life.
---
---```lua
---local box <close> = assert(kavach.sandbox())
---print(box:state())
---```
---@return "created"|"running"|"paused"|"stopped"|"destroyed" state
function Sandbox:state() end

---QEMU's command line. What runs in the guest is not on it.
---
---```lua
---local box <close> = assert(kavach.sandbox())
---print(table.concat(box:argv(), " "))
---```
---@return string[] argv
function Sandbox:argv() end

---Whether the agent in the guest answers within a second; if not, why.
---
---```lua
---local box <close> = assert(kavach.sandbox())
---print(box:health_check())
---```
---@return boolean healthy
---@return kavach.Error?
function Sandbox:health_check() end

---What the packet filter has passed and dropped, and where the first dropped packets wanted to go.
---
---```lua
---local box <close> = assert(kavach.sandbox { network = { enabled = true } })
---print(assert(box:network_stats()).dropped)
---```
---@return kavach.NetworkStats? stats
---@return kavach.Error?
function Sandbox:network_stats() end

---Waits until the guest is ready.
---
---```lua
---local box <close> = assert(kavach.sandbox())
---assert(box:wait_ready())
---```
---@return boolean? true
---@return kavach.Error?
function Sandbox:wait_ready() end

---Asks the guest to power off, and ends it when it has, or when its time is up.
---
---```lua
---local box = assert(kavach.sandbox())
---assert(box:stop(2000))
---```
---@param grace_ms? integer default 5000
---@return boolean? true
---@return kavach.Error?
function Sandbox:stop(grace_ms) end

---Ends it at once and removes all that there was of it. Can be called twice.
---
---```lua
---local box = assert(kavach.sandbox())
---assert(box:destroy())
---```
---@return boolean? true
---@return kavach.Error?
function Sandbox:destroy() end

---The same as destroy: what happens at the end of `local box <close>`.
---
---```lua
---local box = assert(kavach.sandbox())
---box:close()
---```
---@return boolean? true
---@return kavach.Error?
function Sandbox:close() end

---Of `box:exec`. Durations are in milliseconds.
---@class kavach.SandboxExecOptions
---@field env? table<string, string> beside the sandbox's
---@field cwd? string the folder that it starts in
---@field user? string whom it runs as
---@field stdin? string|kavach.Stream bytes, or anything with a method read; default: nothing
---@field timeout_ms? integer default: the sandbox's; 0: none
---@field grace_ms? integer between SIGTERM and SIGKILL; default: the sandbox's
---@field max_output? integer bytes kept of each stream; default: the sandbox's
---@field pty? { rows: integer?, columns: integer? } a terminal; default 24 rows of 80 columns

---Of `box:start`.
---@class kavach.SandboxStartOptions
---@field env? table<string, string> beside the sandbox's
---@field cwd? string the folder that it starts in
---@field user? string whom it runs as
---@field pty? { rows: integer?, columns: integer? } a terminal; default 24 rows of 80 columns

---Of `box:put` and `box:get`.
---@class kavach.CopyOptions
---@field max_bytes? integer of the file, or of all files of the folder; default 1073741824
---@field max_entries? integer files, folders and links of the folder; default 100000

---What `box:exec` gives.
---@class kavach.ExecResult
---@field version integer
---@field exit_code integer the command's own; 128 + signal if one ended it; -1 if the time was up
---@field signal? integer that ended it
---@field timed_out boolean
---@field oom_killed boolean the guest's kernel killed one of its processes for want of memory
---@field stdout string
---@field stderr string
---@field stdout_truncated boolean
---@field stderr_truncated boolean
---@field duration_ms integer without the boot
---@field boot_ms? integer of its sandbox
---@field cpu_ms integer
---@field max_rss_kb integer
---@field backend string
---@field confidential boolean
