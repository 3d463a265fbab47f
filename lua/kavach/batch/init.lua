--- Batches: many jobs, each in a sandbox of its own or as a plain process; scheduled, journalled,
--- resumable.
---
---   local batch = kavach.batch { name = "thumbnails", jobs = 4, retries = 2 }
---   for _, path in ipairs(arg) do
---     batch:job { id = path, command = { "convert.sh", "/in/" .. path }, put = { path } }
---   end
---   return batch                     -- for `kavach batch FILE.lua`; or: assert(batch:run())
---
--- All options, of batches and of jobs, with their defaults: lua/kavach/meta/batch.lua.

local err = require "kavach.err"
local graph = require "kavach.batch.graph"
local job = require "kavach.batch.job"
local options = require "kavach.batch.options"

local M = {}

---@class kavach.Batch
---@field name string
---@field options table as options.check has them
---@field schedule kavach.batch.schedule? while it runs
---@field last kavach.batch.summary? of its last run in this process
---@field origin table what the journal keeps of where the jobs come from: see kavach.batch.run
local Batch = {}
Batch.__index = Batch
Batch.__name = "kavach.Batch"
M.class = Batch -- by which the prompt knows its objects

local overrides -- what the command line says of the batches that a script makes

---Makes a batch: `kavach.batch`. Nothing is run or written before run() or resume(). Raises if an
---option is not right.
---@param given kavach.BatchOptions?
---@return kavach.Batch
function M.new(given)
  if type(given) == "table" and overrides then given = M.laid_over(overrides, given) end
  local checked, message = options.check(given)
  if not checked then error(message, 2) end
  return setmetatable({
    name = checked.name, options = checked, list = {}, by_id = {}, origin = { form = "lua" },
    plain = overrides ~= nil and overrides.sandbox == false,
  }, Batch)
end

---Options with others over them; those of the sandbox are laid over one by one.
---@param over table
---@param under table
---@return table
function M.laid_over(over, under)
  local both = {}
  for key, value in next, under do both[key] = value end
  for key, value in next, over do
    local is_part = key == "sandbox" and type(value) == "table" and type(both[key]) == "table"
    both[key] = is_part and M.laid_over(value, both[key]) or value
  end
  return both
end

---Calls a function in which these options win over those that batches are made with.
---@param options_ table
---@param fn fun(): ...
---@return any ...
function M.overriding(options_, fn)
  local before = overrides
  overrides = options_
  local results = table.pack(pcall(fn))
  overrides = before
  if not results[1] then error(results[2], 0) end
  return table.unpack(results, 2, results.n)
end

---@param value any
---@return boolean
function M.is(value)
  return getmetatable(value) == Batch
end

-- Reads a job's table. On the command line --no-sandbox is about all jobs.
local function read(self, spec)
  local made, message = job.read(spec, self.options)
  if made and made.sandbox and self.plain then
    return nil, job.title(made.id) .. ": it has a sandbox of its own, and --no-sandbox has none"
  end
  return made, message
end

---Adds a job. Raises if it is not right, or its id is there already.
---@param spec kavach.JobOptions
---@return string id
function Batch:job(spec)
  if self.generator then error("job: the jobs of this batch come from a generator", 2) end
  local made, message = read(self, spec)
  if not made then error(message, 2) end
  if self.by_id[made.id] then
    error(("job: the id %s is there twice"):format(graph.shown(made.id)), 2)
  end
  self.list[#self.list + 1], self.by_id[made.id] = made, made
  return made.id
end

---The ids of the jobs so far, for another to need.
---@return string[]
function Batch:ids()
  local ids = {}
  for i, each in ipairs(self.list) do ids[i] = each.id end
  return ids
end

---Has the jobs come from a function, which gives the next one's table each time, and nil at the
---end: they are made as they are run, so that there may be millions. A job may need those that came
---before it. It may wait. An error of it ends the batch, when what runs has come to its end.
---@param fn fun(): kavach.JobOptions?, string|kavach.Error|nil with a job, where it is from, for
--- messages; with nil, why there is no more
---@return kavach.Batch
function Batch:generate(fn)
  if type(fn) ~= "function" then
    error("generate: a function is needed, not a " .. type(fn), 2)
  end
  if #self.list > 0 or self.generator then error("generate: the batch has jobs already", 2) end
  self.generator = fn
  return self
end

---Reads the next job of the generator.
---@return kavach.batch.job?
---@return kavach.Error?
function Batch:pull()
  local fine, spec, where = pcall(self.generator)
  if not fine then
    if err.is(spec, "cancelled") then error(spec, 0) end
    return nil, err.wrap(spec, "the generator of jobs failed", "invalid_argument")
  end
  if spec == nil then return nil, err.is(where) and where or nil end
  local made, message = read(self, spec)
  if made then return made end
  return err.fail("invalid_argument", where and where .. ": " .. message or message)
end

---@class kavach.batch.how
---@field resume? boolean go on with the batch of that name that there is
---@field replace? boolean make it anew
---@field changed? boolean resume, though its script is not what it was
---@field failed? boolean resume those that have failed, too
---@field observe? fun(event: table) is told what happens
---@field is_behind? fun(): boolean who is told cannot keep up: no more are started for a while
---@field on_ready? fun(schedule: kavach.batch.schedule) to control it

---Runs the batch, and waits until its jobs have ended. A job that fails is a result, not an error.
---`how.observe` gets kavach.BatchEvent, and must not wait; `how.on_ready` what controls the batch:
---see kavach.batch.schedule.moves.
---Errors: `invalid_argument` (no name, a name that there is, needs that cannot be met),
---`invalid_transition` (another process works on it: `held`, `pid`, `since_ns`), `io`.
---@param how kavach.batch.how?
---@return kavach.batch.summary?
---@return kavach.Error?
function Batch:run(how)
  return require("kavach.batch.run").run(self, how or {})
end

---Goes on with a batch that was interrupted: what is committed is not run again.
---@param how kavach.batch.how?
---@return kavach.batch.summary?
---@return kavach.Error?
function Batch:resume(how)
  local with = { resume = true }
  for key, value in next, how or {} do with[key] = value end
  return self:run(with)
end

---What its journal says, while it runs and after.
---@return kavach.BatchCounts?
---@return kavach.Error?
function Batch:status()
  local where, why = require("kavach.batch.place").of(self.name)
  if not where then return nil, why end
  local reader <close>, trouble = require("kavach.batch.journal").reader(where.db)
  if not reader then return nil, trouble end
  return reader:counts()
end

return M
