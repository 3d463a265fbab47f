--- A batch on a terminal: a block of a few lines at the bottom that is drawn over and over, and
--- above it what stays: failures as they happen, and what jobs print.
---
--- A frame is one write: back to where the block begins, what is printed above it, the block, and
--- whatever is below cleared. The cursor stands on the row below the block, at its beginning, so
--- whatever ends this process leaves a terminal in order.

local block = require "kavach.cli.batch.progress.block"
local core = require "kavach.core"
local news = require "kavach.cli.batch.progress.news"
local printer = require "kavach.cli.batch.progress.printer"
local rate = require "kavach.cli.batch.progress.rate"
local words = require "kavach.cli.batch.words"

local M = {}

local FRAME_MS <const>, AGE_MS <const> = 100, 1000
local BEHIND <const> = 1024 * 1024
local SIGCONT <const>, SIGWINCH <const> = 18, 28

---@class kavach.batch.Progress
local Display = {}
Display.__index = Display

---@class kavach.batch.Progress.options
---@field snapshot fun(): table? how things stand; nil: not known yet
---@field out kavach.batch.Writer the terminal: `write(bytes)`, `unsent()`, `wait(most)`
---@field size? fun(): integer, integer rows and columns
---@field now? fun(): integer ms
---@field timer? fun(ms: integer, fn: fun()): { close: fun(self) }
---@field style? kavach.batch.Style
---@field folder? string that paths of outputs begin in
---@field tails? boolean false: failures come without the last lines of their standard error

local function terminal_size()
  local rows, columns = core.winsize(2)
  return rows or 24, (columns or 0) > 0 and columns or 80
end

---@param options kavach.batch.Progress.options
---@return kavach.batch.Progress
function M.open(options)
  local now = options.now or core.now
  local self = setmetatable({
    snapshot = options.snapshot, out = options.out, size = options.size or terminal_size,
    now = now, timer = options.timer or core.timer,
    style = options.style or require("kavach.cli.batch.style").read(),
    above = {}, above_bytes = 0, shown = {}, drawn = now() - FRAME_MS,
  }, Display)
  self.news = news.new(self.style, now(), options)
  self.printer = printer.new(self)
  self.signals = {
    core.signal(SIGWINCH, function() self:changed() end),
    -- A shell has had the terminal meanwhile: what was drawn is not where it was.
    core.signal(SIGCONT, function()
      self.shown = {}
      self:changed()
    end),
  }
  self:changed()
  return self
end

-- ---- frames ------------------------------------------------------------------------------------

-- Has the next frame drawn in so long, or sooner if one is due sooner.
local function draw_in(self, ms)
  local due = self.now() + ms
  if self.clock then
    if self.due <= due then return end
    self.clock:close()
  end
  self.due = due
  self.clock = self.timer(ms, function()
    self.clock = nil
    self:draw()
  end)
end

--- Something is not as it was drawn.
function Display:changed()
  if not self.closed then draw_in(self, math.max(self.drawn + FRAME_MS - self.now(), 0)) end
end

local function room_of(self)
  local _, columns = self.size()
  return columns - 1
end

-- What is known at this time, for the block.
local function look(self)
  local snapshot = self.snapshot()
  if not snapshot then return nil end
  local counts, now = snapshot.counts, self.now()
  local ended = (counts.done or 0) + (counts.failed or 0)
  self.rate = self.rate or rate.new(now, ended)
  self.rate:sample(now, ended, snapshot.paused)
  local left = counts.total and counts.total - words.ended(counts)
  return {
    snapshot = snapshot, rate = self.rate:per_second(snapshot.jobs),
    eta_ms = left and left > 0 and self.rate:remaining_ms(left, snapshot.jobs) or nil,
  }
end

-- To the beginning of what is shown. A terminal that became narrower has broken its lines.
local function back(self, columns)
  local rows = 0
  for _, taken in ipairs(self.shown) do
    rows = rows + math.max((taken + columns - 1) // columns, 1)
  end
  return rows > 0 and ("\r\27[%dA"):format(rows) or "\r"
end

-- Writes a frame: what is to stay, and the lines of the block, which are drawn over.
local function write(self, stays, lines, columns)
  local parts, texts, taken = { back(self, columns) }, {}, {}
  for i, line in ipairs(lines) do texts[i], taken[i] = tostring(line), line.taken end
  local text = table.concat(texts, "\27[K\n") .. (#texts > 0 and "\27[K\n" or "")
  if #stays == 0 and text == self.text and columns == self.columns and #self.shown == #lines then
    return
  end
  if #stays > 0 then
    parts[#parts + 1] = "\27[J"
    parts[#parts + 1] = table.concat(stays)
  end
  parts[#parts + 1] = text
  parts[#parts + 1] = "\27[J"
  self.shown, self.text, self.columns = taken, text, columns
  self.out:write(table.concat(parts))
end

-- What was printed above, and the news; they are shown from now on.
local function take_above(self, columns, last)
  local stays = self.above
  self.above, self.above_bytes = {}, 0
  for _, line in ipairs(self.news:take(self.now(), columns - 1, last)) do
    stays[#stays + 1] = line .. "\n"
  end
  return stays
end

--- Draws a frame now, unless the terminal has not taken the last one. It is called by a timer.
---@param force? boolean draws all the same
function Display:draw(force)
  if self.closed then return end
  self.drawn = self.now()
  if not force and self.out:unsent() > 0 then return draw_in(self, FRAME_MS) end
  local rows, columns = self.size()
  local view = look(self)
  write(self, take_above(self, columns), view and block.lines(view, rows, columns, self.style)
    or {}, columns)
  if self.news:waits() or view and #(view.snapshot.running or {}) > 0 then draw_in(self, AGE_MS) end
end

-- ---- what is told ------------------------------------------------------------------------------

--- Takes note of an event of the schedule.
---@param e table
function Display:event(e)
  if self.closed then return end
  if e.batch then self.name = e.batch end
  if e.event == "finished" then self.finished = e end
  self.news:event(e, self.now(), room_of(self))
  self:changed()
end

--- Prints what a job has, above the block. Lines appear when they are whole.
---@param bytes string as they came
function Display:print(bytes) return self.printer:write(bytes) end

--- A stream of its own for what a job prints: as `print`, with `unsent`, `wait` and `break_line`.
---@return kavach.batch.Printer
function Display:stream() return printer.new(self) end

--- Prints text that is fit for the terminal.
---@param text string lines
function Display:put(text)
  self.above[#self.above + 1] = text
  self.above_bytes = self.above_bytes + #text
  self:changed()
end

--- Whether the terminal cannot keep up: somebody has stopped it, say.
---@return boolean
function Display:is_behind() return self.above_bytes > BEHIND end

-- ---- the end -----------------------------------------------------------------------------------

local SIGN_COLOURS <const> = { done = "green", failed = "red", trouble = "yellow" }

local function summary(self)
  local finished, style = self.finished, self.style
  local name = style:plain(self.name or "batch")
  local text, sign = words.summary(name, finished)
  local lines = { ("%s %s\n"):format(style:paint(style.signs[sign], SIGN_COLOURS[sign]), text) }
  local step = self.name and words.next_step(name, finished.counts or {})
  if step then lines[2] = ("  %s\n"):format(style:paint(step, "dim")) end
  return lines
end

--- Clears the block; the summary takes its place if the batch has finished. May be called again.
function Display:close()
  if self.closed then return end
  self.printer:break_line()
  self.closed = true
  if self.clock then self.clock:close() end
  for _, signal in ipairs(self.signals) do signal:close() end
  local _, columns = self.size()
  local stays = take_above(self, columns, true)
  if self.finished then table.move(summary(self), 1, 2, #stays + 1, stays) end
  write(self, stays, {}, columns)
end

Display.__close = Display.close

--- Whether standard output is the terminal that standard error is.
---@return boolean
function M.shares_terminal()
  if not core.isatty(1) or not core.isatty(2) then return false end
  local attributes = require("lfs").attributes
  local out, errors = attributes "/dev/stdout", attributes "/dev/stderr"
  return out ~= nil and errors ~= nil and out.rdev == errors.rdev and out.ino == errors.ino
end

return M
