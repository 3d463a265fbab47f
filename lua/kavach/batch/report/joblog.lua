--- The attempts of a batch in the format of GNU parallel's --joblog: a line each, with Seq, Host,
--- Starttime, JobRuntime (seconds), Send, Receive (bytes; Receive is of standard output),
--- Exitval, Signal and Command, between tabs. As parallel does it, a newline in a command becomes
--- a NUL and a tab stays (it is the last column); Exitval is 0 of what a signal killed, and -1 of
--- what was killed because its time was up. Unlike there each attempt has its line, not only the
--- last one, and what could not be run at all has Exitval -1.

local command = require "kavach.batch.report.command"
local core = require "kavach.core"
local err = require "kavach.err"

local M = {}

local HEADER <const> = table.concat({ "Seq", "Host", "Starttime", "JobRuntime", "Send", "Receive",
  "Exitval", "Signal", "Command" }, "\t") .. "\n"
local HOST <const> = ":" -- this machine
local NS <const> = 1000000000
local FLUSH_MS <const> = 100
-- So many bytes are not kept longer, whatever the time.
local BUFFER <const> = 64 * 1024

local function line(seq, result, text)
  local signal = result.signal or 0
  local exit = result.exit_code or -1
  if signal > 0 then exit = result.timed_out and -1 or 0 end
  local ms = result.duration_ms
  local started, ended = result.started_ns or result.ended_ns or 0, result.ended_ns
  if not ms then ms = ended and math.max(0, ended - started) / 1000000 or 0 end
  if text:find("\n", 1, true) then text = text:gsub("\n", "\0") end
  return ("%d\t%s\t%.3f\t%10.3f\t0\t%d\t%d\t%d\t%s\n"):format(seq, HOST, started / NS, ms / 1000,
    result.stdout and result.stdout.bytes or 0, exit, signal, text)
end

-- ---- while it runs -----------------------------------------------------------------------------

---@class kavach.batch.Joblog
local Writer = {}
Writer.__index = Writer

--- A log that grows with the events of a batch. What is there is overwritten unless `append`.
---@param path string
---@param options? { append: boolean? }
---@return kavach.batch.Joblog?
---@return kavach.Error?
function M.open(path, options)
  local append = options and options.append
  local file, why = core.file_open(path, append and "a" or "w")
  if not file then return err.fail("io", why, { path = path }) end
  file:setvbuf "no" -- it is buffered here, where a timer sees to it
  local self = setmetatable({ path = path, file = file, parts = {}, size = 0 }, Writer)
  if not append or file:seek "end" == 0 then
    self.parts[1] = HEADER
    self:flush()
  end
  return self
end

--- Writes what is kept back. The first failure is kept, and nothing is written after it: half a
--- line in the middle would spoil the log, and it can be written anew from the journal.
---@return true?
---@return kavach.Error?
function Writer:flush()
  if self.timer then self.timer:close() end
  self.timer = nil
  if #self.parts > 0 and not self.failure then
    local ok, why = self.file:write(table.concat(self.parts))
    if not ok then
      self.failure = err.new("io", ("%s: %s"):format(self.path, why), { path = self.path })
    end
  end
  self.parts, self.size = {}, 0
  if self.failure then return nil, self.failure end
  return true
end

--- An observer of the batch: each attempt that ends is a line, at most 100 ms later.
---@param e table an event
---@return true?
---@return kavach.Error?
function Writer:event(e)
  if e.event ~= "ended" then return true end
  if self.failure or not self.file then return nil, self.failure end
  local text = line(e.seq, e.result or {}, e.command or e.job)
  self.parts[#self.parts + 1] = text
  self.size = self.size + #text
  if self.size >= BUFFER then return self:flush() end
  self.timer = self.timer or core.timer(FLUSH_MS, function() self:flush() end)
  return true
end

---@return true?
---@return kavach.Error? what could not be written, ever
function Writer:close()
  if not self.file then return true end
  self:flush()
  local ok, why = self.file:close()
  self.file = nil
  if not ok and not self.failure then
    self.failure = err.new("io", ("%s: %s"):format(self.path, why), { path = self.path })
  end
  if self.failure then return nil, self.failure end
  return true
end
Writer.__close = Writer.close

-- ---- afterwards --------------------------------------------------------------------------------

local ENDED <const> = { done = true, failed = true, cancelled = true, interrupted = true }

--- The log of a journal, in the order of jobs and of their attempts.
---@param r table a reader of a journal
---@param path string or "-"
---@return true?
---@return kavach.Error?
function M.write(r, path)
  local walk = require "kavach.batch.report.walk"
  return require("kavach.batch.report.sink").whole(path, function(sink)
    sink:write(HEADER)
    for job, attempts in walk.jobs(r) do
      for _, attempt in ipairs(attempts) do
        -- One that was never started has nothing to tell.
        if ENDED[attempt.state] and attempt.started_ns then
          sink:write(line(job.seq, attempt, command.text(job)))
        end
      end
      if not sink:ok() then break end
    end
    return true
  end)
end

return M
