---@meta kavach.batch
-- luacheck: ignore 212 241 (parameters and methods are there for their types)
-- What batches are given, and what they tell: the one list of all options, with their defaults.
-- What may stand where is checked by lua/kavach/batch/options.lua (the batch) and rules.lua (jobs).
-- Durations are in milliseconds, memory is in MiB, all else that is measured in bytes.

---What the jobs of a batch have in common, and each may say for itself.
---@class kavach.BatchShared
---
---@field sandbox? kavach.SandboxOptions|false default {}: a sandbox of its own for each job. What a
--- job says is laid over what its batch does. false: a plain process of this machine, with all that
--- its user may do
---@field reuse? boolean default false; true: jobs with equal sandboxes run in the same ones, one
--- after the other, and find the files of those before
---@field env? table<string, string> beside KAVACH_BATCH, KAVACH_JOB, KAVACH_ATTEMPT, KAVACH_SLOT; a
--- job's are laid over its batch's. A plain process has kavach's own environment under them
---@field cwd? string the folder that the command starts in
---@field user? string whom it runs as, in the guest
---@field timeout_ms? integer of one attempt, boot and copying too; default 0: none
---@field grace_ms? integer between SIGTERM and SIGKILL; default 2000
---@field max_output? integer bytes kept of each stream; default 67108864
---@field retries? integer how often a job that fails is tried again; default 0
---@field retry_if? fun(result: kavach.batch.result, tries: integer): boolean whether such a failure
--- is worth it; default: each is. `tries`: how many attempts have failed. It must not wait; if it
--- raises, the job has failed
---@field retry_delay_ms? integer before the first retry; doubles with each; default 1000. Of it a
--- random part between a half and all
---@field retry_max_ms? integer no delay is longer; default 60000
---@field priority? integer the higher ones start first; default 0
---@field tag? string of at most 256 bytes: jobs of equal priority start in turns, tag by tag;
--- default ""

---Of `kavach.batch`.
---@class kavach.BatchOptions: kavach.BatchShared
---
---@field name? string of the journal: letters, digits, "-", "_" and single dots, at most 100.
--- Needed, here or as --name
---@field jobs? integer how many run at a time; default: one for each processor
---@field memory_mb? integer what all sandboxes that run may have together, by their limits;
--- default: four fifths of what the machine has free
---@field cpus? number likewise of processors; default: no matter
---@field pool? integer so many sandboxes wait, started ahead of the jobs; default: none
---@field load? number none starts beside others while the machine's load is higher
---@field rate? string|number how many may start in a time: "10/s", "100/m", "3600/h"; a number: in
--- each second
---@field halt? string|table when to end early: "soon,fail=1" (what runs comes to its end),
--- "now,fail=10%" (it is ended); also success= and done=. default "never"
---@field results? string a folder for those of the jobs; this and the next three are written by
--- `kavach batch`
---@field joblog? string a file in GNU parallel's format
---@field junit? string a file of JUnit XML
---@field report? string a file of HTML

---Of `batch:job`, and of a line of --jsonl, which has no functions.
---@class kavach.JobOptions: kavach.BatchShared
---
---@field id string its name in the batch, for ever: up to 65536 bytes, no NUL
---@field command string|string[] a line for /bin/sh, or a program and its arguments
---@field stdin? string what it reads; default: nothing
---@field put? string|table|(string|{ source: string, target: string? })[] files and folders of the
--- host, copied in before: "a/b" and "/a/b" to "/in/a/b", unless there is a target
---@field get? string|table|(string|{ pattern: string, target: string? })[] what is copied out after
--- it: patterns (`*`, `?`, `[…]`), relative to the command's folder; a target is a file of the host
--- that it becomes as well. A pattern that nothing matches fails the job
---@field needs? string|string[] ids of jobs that have to succeed before; default: none

---@alias kavach.BatchEventKind
---| "begin"
---| "total"      a generator has come to its end
---| "started"
---| "ended"      an attempt: told when what became of it is durable
---| "skipped"    a job that has no attempt, as one that it needs has not succeeded
---| "cancelled"  a job that was cancelled by name while it had none
---| "paused"
---| "continued"
---| "jobs"       how many run at a time has been changed
---| "draining"   no more start; what runs comes to its end
---| "cancelling" no more start; what runs is ended
---| "trouble"    something ends the batch that is no job's
---| "warning"    something is not as it should be, and the batch goes on
---| "finished"

---What `how.observe` is told, and what --json prints with `time_ms` in place of `time_ns`, and
--- `result` as fields of its own. A field is there in the kinds that stand behind it.
---@class kavach.BatchEvent
---
---@field event kavach.BatchEventKind
---@field time_ns integer since 1970
---@field batch? string begin
---@field total? integer begin, total: how many jobs there are; not in the begin of a generator's
---@field finished? integer begin: how many of them earlier runs have ended
---@field jobs? integer begin, jobs: how many run at a time
---@field epoch? integer begin: the number of this run, from 1
---@field job? string started, ended, skipped, cancelled: its id
---@field seq? integer likewise: its number, from 1, in the order in which jobs came
---@field tag? string likewise
---@field attempt? integer started, ended: its number, from 1
---@field slot? integer started, ended: from 1
---@field command? string started, ended: as one reads it
---@field state? "done"|"failed"|"retry"|"cancelled"|"waiting" ended. waiting: it was cut off, and
--- is a later run's
---@field retry_ms? integer ended, of a retry: when it comes
---@field result? kavach.batch.result ended: this is durable
---@field reason? string ended, skipped, cancelled: why it has not succeeded
---@field why? string draining, cancelling
---@field running? integer draining, cancelling: how many attempts go on
---@field message? string trouble: what ends the batch; warning: what is wrong
---@field counts? kavach.BatchCounts finished
---@field duration_ms? integer finished
---@field exit_code? integer finished: what `kavach batch` exits with
---@field ending? string finished: as in kavach.batch.summary
---@field lost? integer finished: likewise

---How many jobs are in which state.
---@class kavach.BatchCounts
---
---@field waiting integer their turn has not come, or the jobs that they need have not ended
---@field running integer
---@field retry integer they have failed, and wait to be tried again
---@field done integer
---@field failed integer
---@field skipped integer a job that they need has not succeeded
---@field cancelled integer by name
---@field total? integer not of a generator that goes on

---How a batch stands that runs: `schedule:snapshot()` of `how.on_ready`, and `live` of
---`kavach batch status --json`.
---@class kavach.BatchSnapshot
---
---@field jobs integer how many run at a time
---@field running kavach.BatchRunning[] in the order of their slots
---@field counts kavach.BatchCounts
---@field paused boolean
---@field draining boolean|"cancelling" true: what runs comes to its end, and no more starts

---@class kavach.BatchRunning
---
---@field job string
---@field slot integer
---@field attempt integer
---@field age_ms integer
---@field last_line? string that it has printed: any bytes, so escape them

---Many jobs: what kavach.batch makes.
---@class kavach.Batch
---@field name string
local Batch = {}

---Adds a job. Raises if it is not right, or its id is there already.
---
---```lua
---local batch = kavach.batch { name = "sums" }
---batch:job { id = "a", command = "sha256sum /in/a.txt", put = { "a.txt" }, retries = 2 }
---```
---@param spec kavach.JobOptions
---@return string id
function Batch:job(spec) end

---The ids of the jobs so far, for another to need.
---
---```lua
---local batch = kavach.batch { name = "sums" }
---batch:job { id = "last", command = "true", needs = batch:ids() }
---```
---@return string[] ids
function Batch:ids() end

---Has the jobs come from a function, which gives the next one's table each time, nil at the end.
---
---```lua
---local batch, n = kavach.batch { name = "many" }, 0
---batch:generate(function()
---  n = n + 1
---  if n <= 1000 then return { id = "job-" .. n, command = "true" } end
---end)
---```
---@param fn fun(): kavach.JobOptions?, string|kavach.Error|nil
---@return kavach.Batch batch itself
function Batch:generate(fn) end

---Runs the batch, and waits until its jobs have ended. A job that fails is a result, not an error.
---
---```lua
---local batch = kavach.batch { name = "one", sandbox = false }
---batch:job { id = "a", command = "true" }
---print(assert(batch:run { replace = true }).counts.done)
---```
---@param how? kavach.BatchHow
---@return kavach.batch.summary? summary
---@return kavach.Error?
function Batch:run(how) end

---Goes on with a batch that was interrupted: what is committed is not run again.
---
---```lua
---local batch = kavach.batch { name = "one", sandbox = false }
---batch:job { id = "a", command = "true" }
---assert(batch:resume { failed = true })
---```
---@param how? kavach.BatchHow
---@return kavach.batch.summary? summary
---@return kavach.Error?
function Batch:resume(how) end

---What its journal says, while it runs and after.
---
---```lua
---print(assert(kavach.batch({ name = "one" }):status()).done)
---```
---@return kavach.BatchCounts? counts
---@return kavach.Error?
function Batch:status() end

---Of `batch:run` and `batch:resume`.
---@class kavach.BatchHow
---@field resume? boolean go on with the batch of that name that there is
---@field replace? boolean make it anew
---@field changed? boolean resume, though its script is not what it was
---@field failed? boolean resume those that have failed, too
---@field observe? fun(event: kavach.BatchEvent) is told what happens
---@field is_behind? fun(): boolean who is told cannot keep up: no more are started for a while
---@field on_ready? fun(schedule: table) gets what controls it
