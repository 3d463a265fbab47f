--- Who is told what happens in a batch that runs, and what is said at its end.

local M = {}

-- For a reader of ours that does not read, once the batch is over.
local FAREWELL_MS <const> = 2000
local EXIT_PIPE <const> = 128 + 13

local Watchers = {}
Watchers.__index = Watchers

local function complain(message)
  require("kavach.cli").complain("batch: " .. message)
end

-- Who reads our output has gone: nobody sees the rest, so there is no point in making it.
local function on_lost(self, why)
  self.lost = why
  if self.schedule then self.schedule:stop("drain", tostring(why), "signal 13") end
end

-- The batch's journal: there is one when the first event comes.
local function reader_of(self)
  if self.reader then return self.reader end
  local where = require("kavach.batch.place").of(self.batch.name)
  local why
  self.reader, why = require("kavach.batch.journal").reader(where.db)
  return self.reader, why
end

local function prints(self)
  local args = self.args
  if args.json or args.no_output then return nil end
  if not self.batch.prints and not args.output then return nil end
  return {
    keep_order = args.keep_order, tag = args.tag,
    over = function(seq) return self.ended_before ~= nil and self.ended_before(seq) end,
    read = function(...)
      local reader = reader_of(self)
      return reader and reader:output(...)
    end,
  }
end

---@param batch kavach.Batch
---@param args table of lua-argparse
---@return table? watchers
---@return kavach.Error?
function M.open(batch, args)
  local self = setmetatable({ batch = batch, args = args }, Watchers)
  local why
  self.shown, why = require("kavach.cli.batch.watch").open {
    name = batch.name, json = args.json, outputs = prints(self), quiet = args.quiet,
    log_format = args.log_format,
    snapshot = function() return self.schedule and self.schedule:snapshot() end,
    on_lost = function(lost) on_lost(self, lost) end,
  }
  if not self.shown then return nil, why end
  return self
end

---There is a schedule now.
---@param schedule kavach.batch.schedule
function Watchers:attend(schedule)
  self.schedule = schedule
  local reader = self.args.resume and self.args.keep_order and reader_of(self)
  if reader then
    self.ended_before = require("kavach.cli.batch.outputs.order").ended_before(reader,
      self.args.failed)
  end
  if self.lost then on_lost(self, self.lost) end
end

---Whether those who are told cannot keep up.
---@return boolean
function Watchers:is_behind() return self.shown:is_behind() end

---@param event table
function Watchers:event(event)
  self.shown:event(event)
end

-- ---- the end ----------------------------------------------------------------------------------

-- How to go on, where something is left. What has failed was told when it did.
local function tell_rest(self, summary)
  local left = summary.counts.waiting + summary.counts.retry
  if summary.lost > 0 then
    complain(("%d jobs have ended whose results could not be written: they will run again")
      :format(summary.lost))
  end
  if left > 0 and self.shown.display then return end -- its last words
  local can_go_on = summary.failure and not summary.failure.cut
  if left > 0 or summary.lost > 0 or can_go_on then
    complain(("%s: kavach batch resume %s"):format(summary.ending == "journal"
      and "when it can be written to again" or "to go on", self.batch.name))
  end
end

---The batch is over. Returns the exit code.
---@param summary kavach.batch.summary
---@return integer? exit_code
---@return kavach.Error?
function Watchers:finish(summary)
  self.shown:close(FAREWELL_MS)
  for _, each in ipairs(summary.failures) do complain("--" .. tostring(each.error)) end
  tell_rest(self, summary)
  if self.lost and self.lost.broken then return EXIT_PIPE end
  return summary.exit_code
end

function Watchers:__close()
  if self.reader then self.reader:close() end
  self.shown:close(FAREWELL_MS)
end

return M
