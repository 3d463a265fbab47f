--- What is printed above the block as it happens: failures, retries, trouble. So many at a time as
--- somebody can follow; of more, how many they are.

local new_line = require "kavach.cli.batch.progress.line"
local width = require "kavach.width"
local words = require "kavach.cli.batch.words"

local M = {}

local STDERR_LINES <const> = 3
-- The first ones all come; then so many a second.
local AT_ONCE <const>, PER_SECOND <const> = 20, 2
-- How often those are counted that were not printed.
local COUNT_MS <const> = 1000

---@class kavach.batch.News
local News = {}
News.__index = News

---@param style kavach.batch.Style
---@param now number ms
---@param options { folder: string?, tails: boolean? } as of kavach.cli.batch.progress
---@return kavach.batch.News
function M.new(style, now, options)
  return setmetatable({
    style = style, folder = options.folder, tails = options.tails ~= false,
    tokens = AT_ONCE, refilled = now, counted = now, held = {}, lines = {},
  }, News)
end

local function add(self, line) self.lines[#self.lines + 1] = tostring(line) end

-- Whether there is one more that may be printed.
local function spend(self, now)
  local passed = math.max(now - self.refilled, 0)
  self.tokens = math.min(self.tokens + passed * PER_SECOND / 1000, AT_ONCE)
  self.refilled = now
  if self.tokens < 1 then return false end
  self.tokens = self.tokens - 1
  return true
end

local function hold(self, kind) self.held[kind] = (self.held[kind] or 0) + 1 end

-- "✗ ID: WHY": the id has half of the room, or what the rest leaves.
local function line_of(self, room, sign, colour, id, why)
  local line = new_line(self.style, room)
  line:add(self.style.signs[sign] .. " ", colour)
  id, why = self.style:plain(id), self.style:plain(why)
  local left = room - line.taken - 2
  local for_id = math.max(left // 2, left - width.of(why))
  local cut = width.cut(id, for_id, self.style.signs.more)
  return line:add(cut, colour):add(": " .. why, colour == "dim" and "dim" or nil)
end

local function failed(self, e, room)
  local result = e.result or {}
  add(self, line_of(self, room, "failed", "red", e.job, ("%s, attempt %d, %s"):format(
    words.reason(e.reason, result), e.attempt or 1, words.duration(result.duration_ms or 0))))
  if not self.tails then return end
  for _, text in ipairs(words.last_lines(result.stderr, STDERR_LINES, self.folder)) do
    add(self, new_line(self.style, room):add "    ":add(self.style:line(text), "dim"))
  end
end

local function retried(self, e, room)
  add(self, line_of(self, room, "retry", "dim", e.job, ("%s, attempt %d, again in %s"):format(
    words.reason(e.reason, e.result), e.attempt or 1, words.duration(e.retry_ms or 0))))
end

-- It has ended without an attempt.
local function unrun(self, e, room)
  add(self, line_of(self, room, "skipped", "dim", e.job,
    ("%s: %s"):format(e.event, e.reason or "")))
end

local SAID <const> = {
  draining = "draining", cancelling = "cancelling", trouble = false, warning = false,
}

local function say(self, e, room)
  local text, word = e.message or e.why, SAID[e.event]
  if word then text = text and ("%s: %s"):format(word, text) or word end
  if not text then return end
  add(self, new_line(self.style, room):add(self.style.signs.trouble .. " ", "yellow")
    :add(self.style:plain(text)))
end

local KINDS <const> = {
  failed = failed, retry = retried, skipped = unrun, cancelled = unrun,
}

--- Whether the event is news.
---@param e table
---@param now number
---@param room integer cells of a line
function News:event(e, now, room)
  if SAID[e.event] ~= nil then return say(self, e, room) end
  local kind = e.event == "ended" and e.state ~= "cancelled" and e.state or e.event
  local tell = KINDS[kind]
  if not tell then return end
  if spend(self, now) then tell(self, e, room) else hold(self, kind) end
end

local COUNTED <const> = { { "failed", "red", "failed" }, { "retry", "dim", "will be tried again" },
  { "skipped", "dim", "skipped" }, { "cancelled", "dim", "cancelled" } }

-- One line for those that were not printed.
local function count_held(self, room)
  for _, kind in ipairs(COUNTED) do
    local count = self.held[kind[1]]
    if count then
      add(self, new_line(self.style, room):add(("%s %s more %s"):format(self.style.signs[kind[1]],
        words.count(count), kind[3]), kind[2]))
    end
  end
  self.held = {}
end

--- The lines to be printed by now; they are the caller's then.
---@param now number
---@param room integer
---@param last? boolean nothing comes after
---@return string[]
function News:take(now, room, last)
  if next(self.held) and (last or now - self.counted >= COUNT_MS) then
    self.counted = now
    count_held(self, room)
  end
  local lines = self.lines
  self.lines = {}
  return lines
end

--- Whether something waits to be printed.
---@return boolean
function News:waits() return #self.lines > 0 or next(self.held) ~= nil end

return M
