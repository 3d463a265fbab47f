---@meta _
-- luacheck: ignore 212 241 (parameters and methods are there for their types)
-- What is kept beside single sandboxes: pools of them, templates, and the way in from outside.

---Sandboxes that wait to be taken: what kavach.pool makes.
---@class kavach.Pool
---@field size integer how many are to wait
local Pool = {}

---Takes a sandbox out of the pool, which is the caller's from then on. Waits if none is ready.
---
---```lua
---local pool <close> = assert(kavach.pool { size = 2 })
---local box <close> = assert(pool:take(5000))
---```
---@param ms? integer at most so long
---@return kavach.Sandbox? box
---@return kavach.Error?
function Pool:take(ms) end

---How it stands.
---
---```lua
---local pool <close> = assert(kavach.pool { size = 2 })
---print(pool:stats().ready)
---```
---@return { size: integer, ready: integer, starting: integer, failures: integer,
--- why: kavach.Error? } stats
function Pool:stats() end

---Ends the sandboxes that wait. What was taken stays its taker's.
---
---```lua
---local pool = assert(kavach.pool { size = 2 })
---pool:close()
---```
---@return boolean true
function Pool:close() end

---Guests that were saved once they had booted, of which later sandboxes start as copies.
---@class kavach.template
local template = {}

---All templates that there are, the one used last first.
---
---```lua
---for _, each in ipairs(assert(kavach.template.list())) do print(each.digest, each.bytes) end
---```
---@return kavach.Template[]? templates
---@return kavach.Error?
function template.list() end

---The template with that digest, or whose digest alone begins so.
---
---```lua
---local found, why = kavach.template.find "3fa9"
---```
---@param digest string
---@return kavach.Template? template
---@return kavach.Error?
function template.find(digest) end

---Removes templates: all, or those that every option fits. What runs as a copy of one goes on.
---
---```lua
---local count, bytes = assert(kavach.template.clear { unused_ms = 30 * 24 * 3600 * 1000 })
---```
---@param options? { digest: string|string[]|nil, bad: boolean?, unused_ms: integer? }
---@return integer? count
---@return integer|kavach.Error bytes that they took
function template.clear(options) end

---Makes the template from which sandboxes with these options start, if it is not there.
---
---```lua
---local made = assert(kavach.template.build { memory_limit_mb = 256 })
---print(made.digest)
---```
---@param options? kavach.SandboxOptions
---@return kavach.Template? template
---@return boolean|kavach.Error made whether it was made now
function template.build(options) end

---Sandboxes reached from outside: what `kavach ps`, `exec` and `stop` talk to.
---@class kavach.control
local control = {}

---Listens on this process's control socket, if it does not yet.
---
---```lua
---assert(kavach.control.listen())
---```
---@param options? { serves: boolean? } serves: the process ends with its sandbox
---@return boolean? true
---@return kavach.Error?
function control.listen(options) end

---Ends it, when the calls that are under way are answered, or when the time is up.
---
---```lua
---kavach.control.close(1000)
---```
---@param ms integer
function control.close(ms) end

---Adds a method that clients can call.
---
---```lua
---kavach.control.register("hello", {
---  params = { name = "string" },
---  run = function(params) return { text = "hello " .. params.name } end,
---})
---```
---@param name string
---@param method { params: table, run: fun(params: table, call: table): table?, kavach.Error? }
function control.register(name, method) end
