--- A batch where there is no terminal to draw on: a line on standard error for each job that ends,
--- and for whatever else happens to the batch.
---
---   kavach: batch NAME: 37/200 done  ID  (0.3 s)
---   kavach: batch NAME: 38/200 failed  ID: exit code 3  (0.3 s, attempt 2)
---
--- With `--log-format json` each is a JSON document: level, message, and what it is about.

local encoded = require "kavach.cli.batch.encoded"
local plain = require "kavach.plain"
local words = require "kavach.cli.batch.words"

local M = {}

---@class kavach.batch.Lines
local Lines = {}
Lines.__index = Lines

---@class kavach.batch.Lines.options
---@field out kavach.batch.Writer
---@field name? string of the batch; `begin` tells it, too
---@field quiet? boolean failures, trouble and the end only
---@field log_format? "text"|"json"

---@param options kavach.batch.Lines.options
---@return kavach.batch.Lines
function M.open(options)
  return setmetatable({
    out = options.out, name = options.name or "", quiet = options.quiet,
    json = options.log_format == "json", ended = 0,
  }, Lines)
end

-- ---- writing -----------------------------------------------------------------------------------

local function document(level, message, e)
  local out = { level = level, message = message, event = e.event }
  for _, name in ipairs { "job", "reason" } do
    if e[name] then encoded.put(out, name, e[name]) end
  end
  out.state, out.attempt, out.retry_ms = e.state, e.attempt, e.retry_ms
  out.exit_code, out.counts = e.exit_code, e.counts
  if e.result then
    out.exit_code, out.duration_ms = e.result.exit_code, e.result.duration_ms
  end
  return out
end

local function say(self, level, text, e)
  local message = ("batch %s: %s"):format(self.name, text)
  if self.json then
    e = document(level, message, e)
    e.batch = self.name
    self.out:write(assert(require("kavach.json").encode(e)) .. "\n")
  else
    self.out:write("kavach: " .. message .. "\n")
  end
end

-- "37/200": how many have ended, of how many.
local function place(self)
  return self.total and ("%d/%d"):format(self.ended, self.total) or ("%d"):format(self.ended)
end

-- ---- events ------------------------------------------------------------------------------------

local kinds = {}

function kinds.begin(self, e)
  self.name, self.total, self.ended = plain.text(e.batch or self.name), e.total, e.finished or 0
  if self.quiet then return end
  local text = e.total and ("begins: %d job%s"):format(e.total, e.total == 1 and "" or "s")
    or "begins"
  if self.ended > 0 then text = ("%s, %d of them ended before"):format(text, self.ended) end
  say(self, "info", ("%s, %d at a time"):format(text, e.jobs or 1), e)
end

function kinds.total(self, e) self.total = e.total end

local function done(self, e)
  self.ended = self.ended + 1
  if self.quiet then return end
  say(self, "info", ("%s done  %s  (%s)"):format(place(self), plain.text(e.job),
    words.duration(e.result and e.result.duration_ms or 0)), e)
end

local function retried(self, e)
  if self.quiet then return end
  say(self, "warning", ("%s retry  %s: %s, again in %s  (attempt %d)"):format(place(self),
    plain.text(e.job), plain.text(words.reason(e.reason, e.result)),
    words.duration(e.retry_ms or 0), e.attempt or 1), e)
end

-- It failed, or was cancelled: for good, or until the batch is resumed.
local function ended_otherwise(self, e)
  local is_left = e.state == "waiting"
  if not is_left then self.ended = self.ended + 1 end
  if self.quiet and e.state ~= "failed" then return end
  local text = ("%s %s  %s: %s  (%s, attempt %d)"):format(place(self),
    is_left and "ended" or e.state, plain.text(e.job),
    plain.text(words.reason(e.reason, e.result)),
    words.duration(e.result and e.result.duration_ms or 0), e.attempt or 1)
  say(self, e.state == "failed" and "error" or "warning", text, e)
end

function kinds.ended(self, e)
  local tell = e.state == "done" and done or e.state == "retry" and retried or ended_otherwise
  tell(self, e)
end

-- It has ended without an attempt.
local function ended_unrun(self, e)
  self.ended = self.ended + 1
  if self.quiet then return end
  say(self, "warning", ("%s %s  %s: %s"):format(place(self), e.event, plain.text(e.job),
    plain.text(e.reason or "")), e)
end

kinds.skipped, kinds.cancelled = ended_unrun, ended_unrun

function kinds.jobs(self, e)
  if not self.quiet then say(self, "info", ("%d jobs at a time now"):format(e.jobs), e) end
end

function kinds.trouble(self, e) say(self, "error", plain.text(e.message or ""), e) end

function kinds.finished(self, e)
  local text, sign = words.summary("finished", e, tostring)
  say(self, sign == "done" and "info" or "error", text, e)
end

function kinds.warning(self, e) say(self, "warning", plain.text(e.message or ""), e) end

for _, name in ipairs { "paused", "continued", "draining", "cancelling" } do
  kinds[name] = function(self, e)
    if self.quiet then return end
    say(self, "warning", e.why and ("%s: %s"):format(name, plain.text(e.why)) or name, e)
  end
end

---@param e table
function Lines:event(e)
  local tell = kinds[e.event]
  if tell and not self.out.lost then tell(self, e) end
end

--- The stream is the caller's.
function Lines.close() end

Lines.__close = Lines.close

return M
