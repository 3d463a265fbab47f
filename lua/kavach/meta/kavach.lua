---@meta kavach
-- luacheck: ignore 212 241 (parameters and methods are there for their types)
-- The module table, whose parts are loaded when they are first asked for; and the options of a
-- sandbox, which stand in several files of sandbox/config/.

---Runs commands in virtual machines, and proves what ran there.
---
---```lua
---local kavach = require "kavach"
---
---local box <close> = assert(kavach.sandbox { memory_limit_mb = 256 })
---print(assert(box:exec "uname -a").stdout)
---```
---@class kavach
---@field version string
---
---@field process kavach.process child processes: exec, start
---@field template kavach.template saved guests: list, find, clear, build
---@field control kavach.control sandboxes reached from outside: listen, close, register
---@field guest_policy kavach.guest_policy what a guest lets its host do; also hardened, from_bits
---@field report kavach.report attestation reports: parse, from_json
---@field measure kavach.measure a launch digest; also id_block
---@field attest kavach.attest verify, trust, emulator, and reading evidence
---@field policy kavach.policy attestation policies
---@field SEV_SNP_POLICY integer 0x30000: the guest policy of a launch that says nothing else
---@field CBIT_POS integer 51, or what the processor says
local kavach = {}

---Starts a sandbox, a virtual machine, and waits until it is ready.
---
---```lua
---local box <close> = assert(kavach.sandbox { memory_limit_mb = 256, timeout_ms = 30000 })
---print(assert(box:exec "uname -a").stdout)
---```
---@param options? kavach.SandboxOptions
---@return kavach.Sandbox? box
---@return kavach.Error?
---@see kavach.Sandbox
function kavach.sandbox(options) end

---Makes a pool of sandboxes, which begins to fill: who takes one has it at once.
---
---```lua
---local pool <close> = assert(kavach.pool { size = 4, sandbox = { memory_limit_mb = 256 } })
---local box <close> = assert(pool:take())
---print(assert(box:exec "uname -a").stdout)
---```
---@param options? kavach.PoolOptions
---@return kavach.Pool? pool
---@return kavach.Error?
---@see kavach.Pool
function kavach.pool(options) end

---Makes a batch of many jobs, which survives a crash. Nothing runs before batch:run.
---
---```lua
---local batch = kavach.batch { name = "sums", jobs = 4, retries = 2 }
---for _, path in ipairs { "a.txt", "b.txt" } do
---  batch:job { id = path, command = { "sha256sum", "/in/" .. path }, put = { path } }
---end
---assert(batch:run())
---```
---@param options? kavach.BatchOptions
---@return kavach.Batch batch
---@see kavach.Batch
function kavach.batch(options) end

---The initramfs of a guest whose command is measured, as its bytes.
---
---```lua
---local bytes = assert(kavach.measured_initrd { command = "sha256sum /etc/hostname" })
---```
---@param options { command: string|string[], cwd: string?, user: string?, env: table?,
--- initrd: string? }
---@return string? bytes
---@return kavach.Error?
function kavach.measured_initrd(options) end

---Looks at what works on this machine, and what to do about what does not.
---
---```lua
---local report = kavach.doctor { backend = "kvm" }
---for _, each in ipairs(report.checks) do print(each.name, each.state, each.advice) end
---```
---@param options? { backend: "auto"|"sev-snp"|"kvm"|"tcg"|nil, probe: boolean? } probe: runs a job
---@return kavach.doctor.report report
function kavach.doctor(options) end

---Has the loop of luv drive kavach's tasks.
---
---```lua
---local detach = require("kavach").attach(require "luv")
---detach()
---```
---@param uv table luv's module
---@return fun() detach ends it
function kavach.attach(uv) end

---What a call that failed returns after nil. It prints as its message.
---@class kavach.Error
---@field kind string "timeout", "cancelled", "invalid_argument", "io" …
---@field message string for people
---@field op? string the operation that failed
---@field cause? any what made it fail, if that was an error too

---Of `kavach.sandbox`. Memory is in MiB, durations are in milliseconds.
---@class kavach.SandboxOptions
---
---@field backend? "auto"|"sev-snp"|"kvm"|"tcg" default "auto": the best that really works here
---@field confidential? "required"|"preferred" required: fails unless the guest is confidential
---@field transport? "agent"|"share"|"measured" how a command reaches the guest; default "agent"
---@field measured? { command: string|string[], cwd: string?, user: string?, env: table? }
---@field qemu_path? string
---@field qemu_sha256? string 64 hex digits
---@field kernel? string
---@field initrd? string
---
---@field dialect? "upstream"|"seed" of QEMU; default: what it says of itself. This and what follows
--- up to vcek_disabled is for sev-snp alone
---@field guest_policy? kavach.GuestPolicy|kavach.GuestPolicyFields|integer
---@field firmware? string an AmdSev build of OVMF
---@field cpu_model? string of QEMU; default "EPYC-v4"
---@field host_data? string 32 bytes, or their hex or base64
---@field id_block? string 96 bytes
---@field id_auth? string 4096 bytes
---@field author_key_enabled? boolean
---@field vcek_disabled? boolean
---@field allow_unmeasured? boolean what no measurement covers: root, image, disk_mb, mounts
---
---@field policy? "minimal"|"basic"|"strict"|table limits; those beside it win
---@field cpu_limit? number default 2; a fraction is enforced in the guest
---@field memory_limit_mb? integer default 512
---@field max_pids? integer processes and threads of all commands together
---@field read_only_rootfs? boolean
---@field disk_mb? integer a disk for what the guest writes
---@field network? kavach.NetworkOptions
---
---@field root? string a folder of the host as the guest's root
---@field image? string a squashfs, ext4 or qcow2 image as the guest's root
---@field mounts? { source: string, target: string, readonly: boolean? }[] read-only unless false
---@field env? table<string, string>
---@field name? string what others find it by
---
---@field timeout_ms? integer of a command; default 30000, 0: none
---@field grace_ms? integer between SIGTERM and SIGKILL; default 2000
---@field boot_timeout_ms? integer default 120000
---@field heartbeat_ms? integer a guest silent for so long is lost; default 30000, 0: never
---@field max_output? integer bytes kept of each stream of exec; default 1 MiB
---@field keep? boolean leave the private directory behind
---@field template? boolean default true: it starts as a copy of a saved guest, where it can

---Of `kavach.pool`.
---@class kavach.PoolOptions
---@field size? integer how many are to wait; default 2
---@field sandbox? kavach.SandboxOptions theirs, but for name
---@field max_age_ms? integer one that has waited for so long is replaced; default an hour, 0: never
---@field memory_mb? integer fewer wait if the limits of all would be more; default half of what the
--- machine has left
---@field starting? integer how many start at a time; default 1

---Of `kavach.process.exec`. Durations are in milliseconds.
---@class kavach.ExecOptions
---@field env? table<string, string> all of its environment; default: this process's
---@field cwd? string
---@field stdin? string|kavach.Stream default: nothing
---@field stdout? "pipe"|"null"|"inherit"
---@field stderr? "pipe"|"null"|"inherit"|"stdout"
---@field program? userdata an open file that is run, whatever argv[1] names
---@field max_output? integer bytes kept of each stream; default 1 MiB
---@field on_stdout? fun(bytes: string) gets what comes, which is not kept then
---@field on_stderr? fun(bytes: string)
---@field timeout_ms? number default 30000, 0: none
---@field grace_ms? number between SIGTERM and SIGKILL; default 2000

---@class kavach.NetworkOptions
---@field enabled? boolean default false: no network device at all
---@field allowed_hosts? string[] names, addresses, blocks; "host" is this machine's loopback
---@field allowed_ports? (integer|string)[] 443, or "8000-8010"

return kavach
