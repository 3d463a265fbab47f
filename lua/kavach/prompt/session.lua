--- A prompt as its host has it: what is entered is run here, and what there is to show goes to the
--- front end, wherever that is. One runs what it was given, its tasks and its events side by side;
--- several may be in one host, and each has `_` and its locals to itself.

local core = require "kavach.core"
local environment = require "kavach.prompt.entry.environment"
local err = require "kavach.err"
local frame = require "kavach.prompt.frame"
local later = require "kavach.later"
local links = require "kavach.prompt.link"
local realms = require "kavach.task.realm"
local requests = require "kavach.prompt.requests"
local scheduler = require "kavach.task.scheduler"

-- The prompt is there before these are.
local plain = later "kavach.plain"
local show, trace = later "kavach.prompt.show", later "kavach.prompt.trace"

local M = {}

local last_number = 0

---@class kavach.prompt.session
---@field number integer what interrupts are sent to
---@field env table what entries see as their globals
---@field kept table what is kept of an entry for the next: see kavach.prompt.entry
---@field size { columns: integer, rows: integer }
---@field colour boolean
---@field dumb boolean the terminal cannot move its cursor
---@field failure? table the last error, as kavach.prompt.trace has it
---@field loaded string[] files of .load, in order
---@field texts string[] what was entered, and ran
---@field on_end? fun() called when it is over
---@field text string what was entered last
local Session = {}
Session.__index = Session

-- ---- out ---------------------------------------------------------------------------------------

--- Shows bytes; waits while very much is on its way to the terminal.
---@param text string
function Session:print(text)
  if text == "" then return end
  self.link:wait_for_room()
  self.link:send(frame.OUTPUT, text)
end

--- Says something that happened meanwhile: one line, without waiting. If the terminal takes nothing
--- any more it is lost.
---@param text string visible characters
function Session:announce(text)
  if self.link:has_room() then self.link:send(frame.OUTPUT, self:paint("36", text) .. "\n") end
end

---@param code string of SGR (ECMA-48, 8.3.117)
---@param text string
function Session:paint(code, text)
  return self.colour and ("\27[%sm%s\27[0m"):format(code, text) or text
end

--- From now on keys go to on_keys as they come, and what is printed is not touched; or no more.
---@param raw boolean
function Session:raw(raw)
  self.link:send(frame.RAW, raw and "\1" or "\0")
end

-- Does not wait: who was called off must be able to tell how it has ended.
local function tell(self, text) self.link:send(frame.OUTPUT, text) end

--- What is wrong. The text may be from anywhere.
---@param message string
function Session:complain(message)
  tell(self, self:paint("31", (message:gsub("[^\n]+", plain.text))) .. "\n")
end

--- How values are to be shown on this terminal.
function Session:options()
  return { columns = self.size.columns, rows = self.size.rows, colour = self.colour }
end

--- Keeps an error for .trace, and shows it in short.
---@param captured table of kavach.prompt.trace
function Session:fail(captured)
  if err.is(captured.error, "cancelled") then return self:complain(captured.error.message) end
  self.failure = captured
  tell(self, trace.short(captured, self:options()))
end

--- A task that nobody waits for has failed.
---@param failure any
---@param traceback? string
function Session:task_failed(failure, traceback)
  if self.over or err.is(failure, "cancelled") then return end
  self.failure = trace.of(failure, traceback)
  self:announce("a task failed: " .. trace.line(self.failure))
end

-- ---- running -----------------------------------------------------------------------------------

--- Calls a function whose code is the person's: an error is caught, and an interrupt ends with it.
---@return boolean ok, any ... its results, or the error as kavach.prompt.trace has it
function Session.call(_, fn, ...)
  return core.guard(trace.capture, fn, ...)
end

--- Shows an entry's results and keeps them as _ and _1, _2, …; a nil alone is not worth it.
---@param results table of table.pack
function Session:take(results)
  if results.n == 0 then return end
  if results.n > 1 or results[1] ~= nil then
    for i = 1, math.max(results.n, self.kept_results) do self.own["_" .. i] = results[i] end
    self.kept_results, self.own._ = results.n, results[1]
  end
  self:print(show.values(results, self:options()))
end

local function after_first(_, ...) return table.pack(...) end

--- The function that an entry of Lua stands for; its locals are kept from now on.
---@param entry kavach.prompt.entry
---@return function
function Session:compile(entry)
  self.kept.declare(entry.names)
  return assert(load(entry.chunk, entry.chunk_name, "t", self.env))
end

--- Runs a piece of Lua to its end and shows what it gives.
---@param chunk function
---@return boolean ok
function Session:run(chunk)
  local outcome = table.pack(self:call(chunk))
  if outcome[1] then
    self:take(after_first(table.unpack(outcome, 1, outcome.n)))
  else
    self:fail(outcome[2])
  end
  return outcome[1]
end

-- What is submitted from now on is for this.
local function invite(self, state, flags, prompt)
  self.state, self.invited = state, self.invited + 1
  self.link:send(frame.READY, string.pack("<BI4", flags, self.invited) .. prompt)
end

--- Gives the prompt. What still asks hears that there is no answer.
function Session:ready()
  local asked = self.asked
  self.task, self.asked = nil, nil
  invite(self, "ready", 0, self.prompt)
  if asked then asked(nil) end
end

--- Goes on with what runs, which has been answered, or asks no more.
function Session:go_on()
  self.state, self.asked = "busy", nil
  self.link:send(frame.BUSY)
end

--- Does something in a task of its own, and gives the prompt back, unless it was interrupted and
--- the prompt is back already.
---@param fn fun()
---@param text? string what was entered
function Session:begin(fn, text)
  self.text = text or ""
  self.state = "busy"
  self.task = self.realm:start(function()
    local ok, failure = self:call(fn)
    if not ok then self:fail(failure) end
    if self.task and self.task.co == coroutine.running() and not self.over then self:ready() end
  end)
end

-- ---- its end -----------------------------------------------------------------------------------

--- Asks a question; waits for the line that answers it, or nil: Ctrl-D.
---@param question string
---@return string?
function Session:ask(question)
  return scheduler.wait(function(done)
    invite(self, "asking", frame.ANSWER, question)
    self.asked = done
    return function()
      if self.asked == done then self:go_on() end
    end
  end)
end

--- Leaves, unless what would end with it is to go on: then it is asked first.
function Session:leave()
  local list = self.ends and self.ends() or {}
  local jobs = self.jobs:count()
  local tasks = self.realm.count - jobs - 1 -- this one is the realm's, too
  if tasks > 0 then table.insert(list, 1, tasks == 1 and "a task" or tasks .. " tasks") end
  if jobs > 0 then table.insert(list, 1, jobs == 1 and "a job" or jobs .. " jobs") end
  if #list > 0 then
    local answer = self:ask(("%s would end: leave? [y/N] "):format(table.concat(list, " and ")))
    if not (answer or ""):lower():find "^%s*y" then return end
  end
  self.link:send(frame.BYE, "\0")
  self:finish()
end

--- The front end is gone, or is to be.
function Session:hang_up()
  self.link:close(true)
  self:finish()
end

function Session:finish()
  if self.over then return end
  self.over = true
  self.link:close()
  self.realm:close "the prompt was left"
  if self.on_end then self.on_end() end
end

--- Is the prompt until it is left, or its front end is gone.
function Session:serve()
  local writer = scheduler.background(self.link.pump, self.link)
  local unwatch = require("kavach.prompt.events").watch(self)
  local function take(...) return requests.take(self, ...) end
  local fine, why = pcall(self.link.receive, self.link, take)
  unwatch()
  self:finish()
  writer:await()
  if not fine then error(why, 0) end -- who serves was called off
end

---@class kavach.prompt.options: kavach.prompt.link.ends
---@field globals table
---@field prompt string
---@field banner? string shown first
---@field extra? table what its entries see besides
---@field ends? fun(): string[] what ends with it, besides its jobs: "2 sandboxes"

---@param options kavach.prompt.options
---@return kavach.prompt.session
function M.new(options)
  last_number = last_number + 1
  require("kavach.prompt.coroutines").record()
  local self = setmetatable({
    number = last_number, link = links.new(options), ends = options.ends,
    prompt = options.prompt, banner = options.banner, state = "new", over = false,
    invited = 0, count = 0, kept_results = 0, texts = {}, loaded = {},
    size = { columns = 80, rows = 24 },
  }, Session)
  self.own = { kavach = rawget(options.globals, "kavach") == nil and require "kavach" or nil }
  local extra = options.extra and options.extra(self) or {}
  for name, value in next, extra do self.own[name] = value end
  self.globals = options.globals
  self.env, self.kept = environment(options.globals, self.own)
  self.jobs = require("kavach.prompt.jobs").new(self)
  self.realm = realms.new(self.number, function(...) self:task_failed(...) end)
  return self
end

return M
