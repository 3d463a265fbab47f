---@meta kavach.store
-- luacheck: ignore 212 241 (parameters and methods are there for their types)
--- The C module: SQLite files that a thread of their own writes to, and readers of them. A value of
--- SQL is nil, a number, a string, or a boolean, which is written as 0 or 1. A string is text if it
--- is UTF-8 without NUL, else a blob; both are read as strings.
---
--- What goes wrong has a kind: "fenced" (a unit's own: something that it demands is not so), "sql"
--- (a unit's own: its SQL, or a constraint); "full", "readonly", "corrupt", "busy" (another process
--- writes) or "io", which are those of all that is written.

---@class kavach.store
local store = {}

--- Statements, all of which happen or none.
---@class kavach.store.Unit
local Unit = {}

--- Appends a statement with its parameters.
---@param statement integer
---@param ... any
---@return kavach.store.Unit
function Unit:add(statement, ...) end

---@return kavach.store.Unit
function store.unit() end

--- A file that is written to. WAL, `synchronous = FULL`.
---@class kavach.store.Store
local Store = {}

--- Keeps a statement for units. "one": it must change one row, or give one if it gives rows;
--- otherwise its unit fails, as "fenced". Its SQL is looked at when it is used first.
---@param sql string
---@param demand? "any"|"one"
---@return integer statement
function Store:statement(sql, demand) end

--- Queues a unit.
---@param unit kavach.store.Unit
---@return integer number 1, 2, …
function Store:submit(unit) end

--- From this place in the queue on nothing is written unless the statements of this unit, which are
--- run in each transaction before all else, succeed. One without statements ends that.
---@param unit kavach.store.Unit
---@return integer number it is taken like other units
function Store:guard(unit) end

--- The next unit that is durable, or has failed, in the order of their numbers.
---@return integer? number nil: there is none at present
---@return boolean ok
---@return any[][]|string|nil rows that its statements gave; or why it failed
---@return string? kind of failure
function Store:take() end

--- A descriptor that is readable when there is something to take, until it is read (eventfd(2)).
---@return integer? descriptor the caller's to close
---@return string? why
function Store:notifier() end

--- Why nothing is written: after a failure that is not one unit's own, all units fail like that.
---@return string? message
---@return string? kind
function Store:trouble() end

--- Has writing tried again.
function Store:retry() end

--- Waits, in the call, until nothing is queued.
function Store:drain() end

---@return integer units that have become durable
---@return integer commits in so many transactions
---@return integer queued units that are not done
---@return integer done units to be taken
function Store:counts() end

--- Waits, in the call, for all that is queued, which can still be taken.
function Store:close() end

--- Opens a file. `create`: makes it if there is none, readable for this user only. `vfs`: one of
--- SQLite's.
---@param path string
---@param options? { create: boolean?, vfs: string? }
---@return kavach.store.Store?
---@return string? message
---@return string? kind
function store.open(path, options) end

--- A file that is read, in the calls, beside whoever writes to it.
---@class kavach.store.Reader
local Reader = {}

--- The first row.
---@param sql string
---@param ... any
---@return boolean? there nil: it failed
---@return any ... the columns; or a message and a kind
function Reader:row(sql, ...) end

--- All rows.
---@param sql string
---@param ... any
---@return table<string, any>[]? rows by the names of the columns
---@return string? message
---@return string? kind
function Reader:rows(sql, ...) end

function Reader:close() end

---@param path string
---@return kavach.store.Reader?
---@return string? message
---@return string? kind
function store.reader(path) end

return store
