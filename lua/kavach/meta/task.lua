---@meta _
-- luacheck: ignore 212 241 (parameters and methods are there for their types)
-- Tasks: what waits lets the others go on.

---@class kavach
local kavach = {}

---Runs a function as a task, and returns its results when it, and all that it spawned, has ended.
---
---```lua
---print(kavach.run(function() return kavach.now() end))
---```
---@param fn fun(...): ...
---@param ... any its arguments
---@return any ... its results
function kavach.run(fn, ...) end

---Starts a function as a task of the innermost scope, and goes on.
---
---```lua
---local task = kavach.spawn(function() return kavach.process.exec { "uname" } end)
---print(task:await().stdout)
---```
---@param fn fun(...): ...
---@param ... any its arguments
---@return kavach.Task task
---@see kavach.Task
function kavach.spawn(fn, ...) end

---Waits for so many milliseconds, while other tasks go on.
---
---```lua
---kavach.sleep(250)
---```
---@param ms number
function kavach.sleep(ms) end

---Runs a function for so many milliseconds at the most: its results, or nil and a timeout.
---
---```lua
---local result, why = kavach.deadline(1000, function() return kavach.process.exec { "true" } end)
---```
---@param ms number
---@param fn fun(...): ...
---@param ... any its arguments
---@return any ... its results, or nil and an error of kind "timeout"
function kavach.deadline(ms, fn, ...) end

---Runs a function in a scope of its own, which ends when all the tasks spawned in it have.
---
---```lua
---kavach.scope(function()
---  for i = 1, 3 do kavach.spawn(kavach.sleep, i * 10) end
---end)
---```
---@param fn fun(scope: kavach.Scope): ...
---@return any ... its results; the first error of a task is raised, and cancels the others
function kavach.scope(fn) end

---Waits for all tasks of a list: the first result of each, in order.
---
---```lua
---local sums = kavach.all { kavach.spawn(math.abs, -1), kavach.spawn(math.abs, -2) }
---```
---@param tasks kavach.Task[]
---@return any[] results
function kavach.all(tasks) end

---Waits for the first task of a list to end, cancels the others, and returns its results.
---
---```lua
---print(kavach.race { kavach.spawn(kavach.sleep, 10), kavach.spawn(kavach.sleep, 20) })
---```
---@param tasks kavach.Task[]
---@return any ...
function kavach.race(tasks) end

---Calls a function for each item of a list, or of what an iterator gives, many at a time.
---
---```lua
---local names = kavach.map({ 1, 2, 3 }, { concurrency = 2 }, function(item, index)
---  return item * index
---end)
---```
---@param list any[]|fun(): any
---@param options? { concurrency: integer? } default: all, or 16 of an iterator's
---@param fn fun(item: any, index: integer): any
---@return any[] results in the order of the items
function kavach.map(list, options, fn) end

---Milliseconds, on a clock that never goes back.
---
---```lua
---local begun = kavach.now()
---print(kavach.now() - begun)
---```
---@return integer ms
function kavach.now() end

---Runs a function whose waits go on for two seconds though its task is cancelled: to clean up.
---
---```lua
---kavach.shield(function() kavach.process.exec { "rm", "-f", "/tmp/lock" } end)
---```
---@param fn fun(...): ...
---@param ... any its arguments
---@return any ...
function kavach.shield(fn, ...) end

---What kavach.spawn started.
---@class kavach.Task
local Task = {}

---Waits for the task to end: its results. Raises what it raised.
---
---```lua
---local task = kavach.spawn(kavach.sleep, 10)
---task:await(1000)
---```
---@param ms? number at most so long: then nil and an error of kind "timeout", and it goes on
---@return any ... its results; nil and an error of kind "cancelled" if it was
function Task:await(ms) end

---Cancels the task: what it waits for is called off. Does not wait for its end.
---
---```lua
---local task = kavach.spawn(kavach.sleep, 10000)
---task:cancel "no longer needed"
---```
---@param why? string|kavach.Error
---@return boolean whether it had not ended
function Task:cancel(why) end

---How it stands.
---
---```lua
---print(kavach.spawn(kavach.sleep, 10):status())
---```
---@return "waiting"|"ended"|"failed"|"cancelled"
function Task:status() end

---What kavach.scope gives its function.
---@class kavach.Scope
local Scope = {}

---Cancels every task of the scope.
---
---```lua
---kavach.scope(function(scope)
---  kavach.spawn(kavach.sleep, 10000)
---  scope:cancel()
---end)
---```
---@param why? string
function Scope:cancel(why) end
