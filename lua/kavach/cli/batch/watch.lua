--- What is shown of a batch while it runs, chosen by where it goes: a display or lines on standard
--- error; events, or what jobs print, on standard output.

local core = require "kavach.core"
local writer = require "kavach.cli.batch.writer"

local M = {}

---@class kavach.batch.Watch.options
---@field name string of the batch
---@field snapshot fun(): table? how things stand
---@field json? boolean events on standard output
---@field outputs? table what jobs print goes to ours: `{ keep_order, tag, over, read }`, as
--- kavach.cli.batch.outputs has them
---@field quiet? boolean
---@field log_format? "text"|"json"
---@field folder? string that paths of outputs begin in
---@field on_lost? fun(why: kavach.Error) standard output takes no more; `why.broken`: nobody reads

---@class kavach.batch.Watch
local Watch = {}
Watch.__index = Watch

local function open_display(self, options)
  local style = require("kavach.cli.batch.style").read()
  if core.isatty(2) and style.block and not options.quiet and options.log_format ~= "json" then
    self.display = require("kavach.cli.batch.progress").open {
      snapshot = options.snapshot, out = self.errors, style = style, folder = options.folder,
      tails = not options.outputs, -- else they are there already
    }
    self.watchers[1] = self.display
    return
  end
  self.watchers[1] = require("kavach.cli.batch.lines").open {
    out = self.errors, name = options.name, quiet = options.quiet, log_format = options.log_format,
  }
end

-- What jobs print goes above the display if it is on the same terminal.
local function open_outputs(self, options)
  local display, chosen = self.display, { folder = options.folder }
  for key, value in next, options.outputs do chosen[key] = value end
  local shared = display and require("kavach.cli.batch.progress").shares_terminal()
  chosen.stdout = shared and display:stream() or self.out
  chosen.stderr = display and display:stream() or self.errors
  self.outputs = require("kavach.cli.batch.outputs").open(chosen)
  table.insert(self.watchers, 1, self.outputs) -- first what a job printed, then how it ended
end

---@param options kavach.batch.Watch.options
---@return kavach.batch.Watch?
---@return kavach.Error?
function M.open(options)
  local errors, why = writer.open(2, "standard error")
  if not errors then return nil, why end
  local self = setmetatable({ watchers = {}, errors = errors }, Watch)
  if options.json or options.outputs then
    self.out, why = writer.open(1, "standard output", options.on_lost)
    if not self.out then
      self.errors:close()
      return nil, why
    end
  end
  open_display(self, options)
  if options.json then
    self.watchers[#self.watchers + 1] =
      require("kavach.cli.batch.events").open { out = self.out }
  elseif options.outputs then
    open_outputs(self, options)
  end
  return self
end

--- Shows an event of the schedule. It does not wait.
---@param e table
function Watch:event(e)
  for _, each in ipairs(self.watchers) do each:event(e) end
end

--- Whether those who read cannot keep up, so that it is better to start no more jobs for a while.
---@return boolean
function Watch:is_behind()
  return self.outputs and self.outputs:is_behind() or self.out and self.out:is_behind()
    or self.display and self.display:is_behind() or self.errors:is_behind()
end

--- Writes what is left, the summary too, for at most `ms` where nobody reads. May be called again.
---@param ms? integer
function Watch:close(ms)
  if self.closed then return end
  self.closed = true
  if self.outputs then self.outputs:close(ms) end
  for _, each in ipairs(self.watchers) do
    if each ~= self.outputs then each:close() end
  end
  self.errors:close(ms)
  if self.out then self.out:close(ms) end
end

function Watch:__close() self:close() end

return M
