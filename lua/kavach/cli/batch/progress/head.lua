--- The first line of the display: how far the batch is. What has no room is left out, the least
--- important first.

local new_line = require "kavach.cli.batch.progress.line"
local width = require "kavach.width"
local words = require "kavach.cli.batch.words"

local M = {}

local BAR_MOST <const>, BAR_LEAST <const> = 24, 8
local NAME_LEAST <const> = 12
local GAP <const> = 2

-- In the order in which they go when there is no room; the count stays.
local EXPENDABLE <const> = {
  "rate", "bar", "name", "retrying", "percent", "state", "eta", "failed",
}
local ORDER <const> = {
  "name", "bar", "count", "percent", "failed", "retrying", "rate", "state", "eta",
}
local COLOURS <const> = { name = "bold", failed = "red", retrying = "yellow", state = "yellow" }

-- What it does other than going on.
local function state_of(snapshot)
  if snapshot.paused then return "paused" end
  if not snapshot.draining then return nil end
  return type(snapshot.draining) == "string" and snapshot.draining or "draining"
end

local function add_progress(parts, counts, total)
  local ended = words.ended(counts)
  if not total then
    parts.count = words.count(ended)
    return
  end
  parts.count = ("%s/%s"):format(words.count(ended), words.count(total))
  if total > 0 then
    parts.percent = ("%d %%"):format(ended * 100 // total)
    parts.bar = true
  end
end

local function parts_of(view, style)
  local snapshot, counts = view.snapshot, view.snapshot.counts
  local parts = { name = style:plain(snapshot.batch or "") }
  add_progress(parts, counts, counts.total)
  if (counts.failed or 0) > 0 then parts.failed = words.count(counts.failed) .. " failed" end
  if (counts.retry or 0) > 0 then parts.retrying = words.count(counts.retry) .. " retrying" end
  parts.rate = view.rate and words.rate(view.rate)
  parts.state = state_of(snapshot)
  if view.eta_ms and not parts.state then
    parts.eta = "ETA about " .. words.estimate(view.eta_ms)
  end
  return parts
end

-- The cells that they take with the least that the bar and the name can do with.
local function least(parts)
  local sum = -GAP
  for name, text in next, parts do
    local cells = name == "bar" and BAR_LEAST or width.of(text)
    sum = sum + GAP + (name == "name" and math.min(cells, NAME_LEAST) or cells)
  end
  return sum
end

--- The bar, so many cells of which are full as the share says.
---@param style kavach.batch.Style
---@param ended integer
---@param total integer
---@param cells integer
---@return string
function M.bar(style, ended, total, cells)
  local full = math.min(ended * cells // math.max(total, 1), cells)
  return style.signs.full:rep(full) .. style.signs.empty:rep(cells - full)
end

---@param view { snapshot: table, rate: number?, eta_ms: number? }
---@param room integer cells
---@param style kavach.batch.Style
---@return kavach.batch.Line
function M.line(view, room, style)
  local parts, line = parts_of(view, style), new_line(style, room)
  for _, name in ipairs(EXPENDABLE) do
    if least(parts) <= room then break end
    parts[name] = nil
  end
  local spare = room - least(parts)
  if parts.name then
    local cells = width.of(parts.name)
    local given = math.min(cells, NAME_LEAST + math.max(spare, 0))
    spare = spare - math.max(given - NAME_LEAST, 0)
    parts.name = width.cut(parts.name, given, style.signs.more)
  end
  if parts.bar then
    local counts = view.snapshot.counts
    parts.bar = M.bar(style, words.ended(counts), counts.total,
      math.min(BAR_LEAST + math.max(spare, 0), BAR_MOST))
  end
  for _, name in ipairs(ORDER) do
    if parts[name] then
      if line.taken > 0 then line:add((" "):rep(GAP)) end
      line:add(parts[name], COLOURS[name])
    end
  end
  return line
end

return M
