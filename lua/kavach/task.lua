--- What scripts do with tasks: see kavach.task.scheduler for what a task is.

local core = require "kavach.core"
local err = require "kavach.err"
local scheduler = require "kavach.task.scheduler"

local M = {
  wait = scheduler.wait, spawn = scheduler.spawn, scope = scheduler.scope,
  shield = scheduler.shield, finish = scheduler.finish, now = core.now,
  traceback_of = scheduler.traceback_of,
}

local function check_ms(ms, what, level)
  if type(ms) ~= "number" or ms ~= ms or ms < 0 or ms > 2 ^ 53 then
    error(("%s: milliseconds are a number from 0 up, not %s"):format(what, tostring(ms)), level + 1)
  end
  return math.ceil(ms)
end

local function check_function(fn, what, level)
  if type(fn) ~= "function" then
    error(("%s: a function is needed, not a %s"):format(what, type(fn)), level + 1)
  end
end

--- Runs `fn(…)` as a task and returns its results when it, and all that it spawned, has ended.
---@param fn fun(...): ...
function M.run(fn, ...)
  check_function(fn, "run", 2)
  local arguments = table.pack(...)
  return M.scope(function()
    return M.spawn(fn, table.unpack(arguments, 1, arguments.n)):await()
  end)
end

---@param ms number
function M.sleep(ms)
  ms = check_ms(ms, "sleep", 2)
  M.wait(function(done) return core.timer(ms, done) end)
end

--- Lets the loop and the other tasks have a turn.
function M.yield()
  M.wait(function(done) return core.timer(0, done) end)
end

--- Runs `fn(…)`, for `ms` at the most: its results, or nil and an error of kind `timeout`.
---@param ms number
---@param fn fun(...): ...
function M.deadline(ms, fn, ...)
  ms = check_ms(ms, "deadline", 2)
  check_function(fn, "deadline", 2)
  local arguments = table.pack(...)
  return M.scope(function()
    local task = M.spawn(fn, table.unpack(arguments, 1, arguments.n))
    local passed = false
    local clock <close> = core.timer(ms, function() -- luacheck: ignore 211
      passed = task:cancel(("the deadline of %d ms has passed"):format(ms))
    end)
    local results = table.pack(task:await())
    if passed and task:status() == "cancelled" then
      return nil, err.new("timeout", ("not done within %d ms"):format(ms))
    end
    return table.unpack(results, 1, results.n)
  end)
end

--- Waits for all tasks of the list; the first result of each, in order.
---@param tasks kavach.Task[]
---@return any[]
function M.all(tasks)
  local results = {}
  for i, task in ipairs(tasks) do results[i] = task:await() end
  return results
end

--- Waits for the first of the tasks to end, cancels the others, and returns its results.
---@param tasks kavach.Task[]
function M.race(tasks)
  if #tasks == 0 then error("race: the list of tasks is empty", 2) end
  local winner
  for _, task in ipairs(tasks) do
    if task.done then winner = winner or task end
  end
  if not winner then
    M.wait(function(done)
      for _, task in ipairs(tasks) do
        task.waiters = task.waiters or {}
        table.insert(task.waiters, function()
          winner = winner or task
          done()
        end)
      end
    end)
  end
  for _, task in ipairs(tasks) do
    if task ~= winner then task:cancel("another task won the race") end
  end
  return winner:await()
end

--- The items of a list, or what an iterator gives, one by one with their index.
local function each(list)
  local index = 0
  if type(list) == "function" then
    return function()
      local item = list()
      index = index + 1
      return item, index
    end
  end
  return function()
    index = index + 1
    return list[index], index
  end
end

local MAP = { concurrency = { type = "integer", min = 1 } }

--- Calls `fn(item, index)` for each item, `concurrency` at a time (default: all, or 16 of an
--- iterator's); the first results, in the order of the items. `list` may be an iterator. The first
--- error cancels the rest.
---@param list any[]|fun(): any
---@param options { concurrency: integer? }?
---@param fn fun(item: any, index: integer): any
---@return any[]
function M.map(list, options, fn)
  check_function(fn, "map", 2)
  if type(list) ~= "table" and type(list) ~= "function" then
    error("map: the first argument is a list or an iterator, not a " .. type(list), 2)
  end
  options = require("kavach.check").table(MAP, options or {}, "map", 2)
  local limit = options.concurrency or type(list) == "table" and #list or 16
  local results, next_item, ended = {}, each(list), false
  M.scope(function()
    for _ = 1, type(list) == "table" and math.min(limit, #list) or limit do
      M.spawn(function()
        while not ended do
          local item, index = next_item()
          if item == nil then
            ended = true
            return
          end
          results[index] = fn(item, index)
        end
      end)
    end
  end)
  return results
end

--- Something that happens once: `set(…)` wakes all who `wait()`, who get its values; it stays set.
---@class kavach.Event
local Event = {}
Event.__index = Event

function M.event()
  return setmetatable({ waiters = {} }, Event)
end

function Event:set(...)
  if self.values then return false end
  self.values = table.pack(...)
  for _, done in ipairs(self.waiters) do done() end
  self.waiters = {}
  return true
end

function Event:is_set()
  return self.values ~= nil
end

--- The values, once they are set; nothing if that is not within `ms`.
---@param ms number?
function Event:wait(ms)
  if not self.values then
    scheduler.wait_among(self.waiters, ms and check_ms(ms, "wait", 2))
    if not self.values then return end
  end
  return table.unpack(self.values, 1, self.values.n)
end

return M
