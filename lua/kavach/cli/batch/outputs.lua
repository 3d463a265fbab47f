--- What jobs print, on our own standard output and error: each job's whole, once it has ended, as
--- GNU parallel groups it. Of a job that is tried again, the last attempt's.

local order = require "kavach.cli.batch.outputs.order"
local scheduler = require "kavach.task.scheduler"
local tagger = require "kavach.cli.batch.outputs.tagger"
local waiters = require "kavach.sandbox.waiters"
local words = require "kavach.cli.batch.words"

local M = {}

local PIECE <const> = 64 * 1024
-- Who gives more than so many bytes before they are written should wait: is_behind().
local QUEUED_MOST <const> = 4 * 1024 * 1024

local NAMES <const> = { "stdout", "stderr" }

---@class kavach.batch.Outputs.options
---@field stdout kavach.batch.Writer|kavach.batch.Printer
---@field stderr kavach.batch.Writer|kavach.batch.Printer
---@field folder? string that paths of outputs begin in
---@field tag? boolean each line with its job's id and a TAB before it
---@field keep_order? boolean in the order of `seq`
---@field over? fun(seq: integer): boolean with keep_order: had it come to its end before this run?
---@field read? fun(seq: integer, attempt: integer, name: string): table? with keep_order: an output
--- from the journal, so that not all that waits for its turn is kept

---@class kavach.batch.Outputs
local Outputs = {}
Outputs.__index = Outputs

---@param options kavach.batch.Outputs.options
---@return kavach.batch.Outputs
function M.open(options)
  return setmetatable({
    streams = { stdout = options.stdout, stderr = options.stderr },
    tag = options.tag, folder = options.folder,
    order = options.keep_order and order.new(options.over, options.read) or nil,
    queue = {}, first = 1, last = 0, queued = 0, changed = waiters.new(),
  }, Outputs)
end

-- ---- writing -----------------------------------------------------------------------------------

local function as_it_is(bytes) return bytes end

local function copy_file(stream, path, tag)
  local file <close>, why = io.open(path, "rb")
  if not file then return nil, why end
  while true do
    local bytes = file:read(PIECE)
    if not bytes or not stream:write(tag(bytes)) or not stream:wait() then return true end
  end
end

-- Writes one job's. It waits only if there are files.
local function write(self, entry)
  for _, name in ipairs(NAMES) do
    local stream, output = self.streams[name], entry[name]
    local tag = self.tag and tagger(entry.job) or as_it_is
    if output and output.path and not stream.lost then
      local ok, why = copy_file(stream, words.path_of(output, self.folder), tag)
      if not ok then
        self.streams.stderr:write(("kavach: the output of a job cannot be read: %s\n"):format(why))
      end
    elseif output and output.text then
      stream:write(tag(output.text))
    end
    if stream.break_line then stream:break_line() end
  end
end

local function size_of(entry)
  return (entry.stdout and entry.stdout.text and #entry.stdout.text or 0)
    + (entry.stderr and entry.stderr.text and #entry.stderr.text or 0)
end

-- Writes what is in the queue, and ends.
local function pump(self)
  while self.first <= self.last do
    local entry = self.queue[self.first]
    self.queue[self.first] = nil
    self.first = self.first + 1
    local fine, why = pcall(write, self, entry)
    self.queued = self.queued - size_of(entry)
    if not fine then
      self.streams.stderr:write(("kavach: the output of a job is lost: %s\n"):format(why))
    end
    for _, name in ipairs(NAMES) do self.streams[name]:wait() end
    self.changed:wake()
  end
  self.pumping = false
  self.changed:wake()
end

-- Whether it can be written here and now, without waiting.
local function is_easy(self, entry)
  if self.pumping then return false end
  for _, name in ipairs(NAMES) do
    if entry[name] and entry[name].path or self.streams[name]:unsent() > PIECE then
      return false
    end
  end
  return true
end

local function give(self, entry)
  if is_easy(self, entry) then return write(self, entry) end
  self.last = self.last + 1
  self.queue[self.last] = entry
  self.queued = self.queued + size_of(entry)
  if self.pumping then return end
  self.pumping = true
  scheduler.background(pump, self)
end

-- ---- what is told ------------------------------------------------------------------------------

local function entry_of(e)
  local result = e.result or {}
  return { job = e.job, seq = e.seq, attempt = e.attempt, stdout = result.stdout,
    stderr = result.stderr }
end

---@param e table
function Outputs:event(e)
  local entry
  if e.event == "ended" and e.state ~= "retry" then
    entry = entry_of(e)
  elseif e.event == "skipped" or e.event == "cancelled" then
    entry = { job = e.job, seq = e.seq }
  else
    return
  end
  if not self.order then return give(self, entry) end
  self.order:add(entry)
  for each in function() return self.order:next() end do give(self, each) end
end

--- Whether too much has yet to be written.
---@return boolean
function Outputs:is_behind() return self.queued > QUEUED_MOST end

--- Waits until all is written but for what the streams keep, which are the caller's: also what
--- waits for jobs that did not come to their end.
---@param ms? integer at most so long
function Outputs:close(ms)
  if self.order then
    for each in function() return self.order:next(true) end do give(self, each) end
  end
  self.changed:until_true(function() return not self.pumping end,
    ms and require("kavach.core").now() + ms)
end

function Outputs:__close() self:close() end

return M
