--- What a prompt runs in the background.

local core = require "kavach.core"
local later = require "kavach.later"
local scheduler = require "kavach.task.scheduler"

local plain, tables = later "kavach.plain", later "kavach.cli.table"
local show, trace = later "kavach.prompt.show", later "kavach.prompt.trace"

local M = {}

local TEXT_SHOWN <const> = 40

---@class kavach.prompt.jobs
local Jobs = {}
Jobs.__index = Jobs

---@param session kavach.prompt.session
---@return kavach.prompt.jobs
function M.new(session)
  return setmetatable({ session = session, list = {}, last = 0 }, Jobs)
end

local function add(self, text)
  self.last = self.last + 1
  local job = { number = self.last, begun = core.now(),
    text = tables.cut(plain.text((text:gsub("^%s*&%s*", ""):gsub("%s+", " "))), TEXT_SHOWN) }
  self.list[#self.list + 1] = job
  return job
end

local function took(job) return ("%.1f s"):format((core.now() - job.begun) / 1000) end

-- A value in the rest of a line.
local function in_short(value, options)
  local text = show.value(value, { columns = options.columns // 2, rows = 1 })
  return tables.cut((text:gsub("\n.*", " …")), options.columns)
end

local function remove(self, job)
  for i, each in ipairs(self.list) do
    if each == job then return table.remove(self.list, i) end
  end
end

local function tell_end(self, job, ok, ...)
  local session = self.session
  remove(self, job)
  if ok then
    session.own._ = (...)
    local what = select("#", ...) > 0 and ": " .. in_short((...), session:options()) or ""
    session:announce(("[%d] done in %s  %s%s"):format(job.number, took(job), job.text, what))
  elseif job.stopped then
    session:announce(("[%d] ended after %s  %s"):format(job.number, took(job), job.text))
  else
    session.failure = ...
    session:announce(("[%d] failed after %s  %s: %s"):format(job.number, took(job), job.text,
      trace.line(...)))
  end
end

--- Starts a function in the background; its end is announced.
---@param text string what was entered
---@param fn function
function Jobs:start(text, fn)
  local job = add(self, text)
  job.task = self.session.realm:start(function()
    tell_end(self, job, self.session:call(fn))
  end)
  self.session:print(("[%d] %s\n"):format(job.number, job.text))
end

--- Takes over a task that was interrupted and is not through with its cleaning up.
---@param text string
---@param task kavach.Task
function Jobs:adopt(text, task)
  local job = add(self, text)
  job.task, job.stopped = task, true
  self.session:announce(("interrupted; it still cleans up: [%d]"):format(job.number))
  scheduler.background(function()
    pcall(task.await, task)
    remove(self, job)
  end)
end

---@return integer how many run
function Jobs:count() return #self.list end

--- Their numbers, as words.
---@return string[]
function Jobs:numbers()
  local out = {}
  for i, job in ipairs(self.list) do out[i] = tostring(job.number) end
  return out
end

--- Ends one.
---@param number integer
---@return boolean ended false if there is none of that number
function Jobs:kill(number)
  for _, job in ipairs(self.list) do
    if job.number == number then
      job.stopped = true
      self.session.realm:interrupt(job.task, "it was killed")
      return true
    end
  end
  return false
end

--- A table of them.
---@return string
function Jobs:table()
  local rows = { { "JOB", "AGE", "STATE", "WHAT" } }
  for i, job in ipairs(self.list) do
    rows[i + 1] = { tostring(job.number), tables.age(core.now() - job.begun),
      job.stopped and "ending" or "running", job.text }
  end
  return tables.text(rows, self.session.size.columns)
end

return M
