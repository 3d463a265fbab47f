---@meta kavach.rules
-- luacheck: ignore 212 241 (parameters and methods are there for their types)
--- The C module: policy VMs in this process, and what they are told. See core/rules/session.h.

---@class kavach.rules
local rules = {}

---@class kavach.rules.Plan: userdata

---@class kavach.rules.Session: userdata
local Session = {}

--- The bytes of a value. An empty table is an object, unless kavach.json marks it as a list.
---@param value any
---@return string
function rules.encode(value) end

--- The value of bytes; what they say are bytes of their own is in hex.
---@param bytes string
---@return any
---@return string? message
function rules.decode(bytes) end

--- What tables have, and how it is written: name, how, name, how …, the names in order. How is
--- "value", "bytes", "nodes" (a list of what `encode_by` gives) or a plan.
---@param entries (string|kavach.rules.Plan)[]
---@return kavach.rules.Plan
function rules.plan(entries) end

--- The bytes of a table. What the plan does not name is left out; what the table lacks is nil.
---@param plan kavach.rules.Plan
---@param value table
---@return string
function rules.encode_by(plan, value) end

--- The request that has views first to last evaluated.
---@param plan kavach.rules.Plan
---@param views table[]
---@param first integer
---@param last integer
---@return string
function rules.evaluation(plan, views, first, last) end

---@return kavach.rules.Session
function rules.session() end

---@param bytes string
---@return string reply
function Session:request(bytes) end

function Session:close() end

return rules
