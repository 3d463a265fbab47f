--- The lines at the bottom of the terminal, as text: how far the batch is, and what runs.

local head = require "kavach.cli.batch.progress.head"
local new_line = require "kavach.cli.batch.progress.line"
local tables = require "kavach.cli.table"
local width = require "kavach.width"

local M = {}

local JOBS_MOST <const> = 8
-- Of the terminal's rows these are not for jobs: the head, "more", where the cursor stands, and one
-- of what was there before.
local OTHER_ROWS <const> = 4
local ID_LEAST <const> = 8
local SLOT_CELLS <const> = 3

-- How many of the running jobs get a line, and whether one says how many more there are.
local function shown_of(running, rows)
  local most = math.max(math.min(JOBS_MOST, rows - OTHER_ROWS), 0)
  return math.min(#running, most), #running > most and rows >= OTHER_ROWS
end

-- Each as text in visible characters.
local function cells_of(job, style)
  return {
    slot = job.slot and ("%d"):format(job.slot) or "",
    id = style:plain(job.job),
    age = tables.age(job.age_ms or 0),
    attempt = (job.attempt or 1) > 1 and style.signs.times .. job.attempt or "",
    last = job.last_line and style:line(job.last_line) or "",
  }
end

local function widest(list, field)
  local most = 0
  for _, cells in ipairs(list) do most = math.max(most, width.of(cells[field])) end
  return most
end

local function job_line(cells, sizes, room, style)
  local line = new_line(style, room)
  line:add((" "):rep(SLOT_CELLS - #cells.slot) .. cells.slot .. " ", "dim")
  line:fit(cells.id, sizes.id):add((" "):rep(sizes.age - #cells.age + 1) .. cells.age)
  if sizes.attempt > 0 then line:add " ":fit(cells.attempt, sizes.attempt, "yellow") end
  if cells.last ~= "" then line:add "  ":add(cells.last, "dim") end
  return line
end

--- A line for each of the first `count` running jobs of a snapshot.
---@param running table[]
---@param count integer
---@param room integer cells
---@param style kavach.batch.Style
---@return kavach.batch.Line[]
function M.job_lines(running, count, room, style)
  local list, lines = {}, {}
  for i = 1, count do list[i] = cells_of(running[i], style) end
  local sizes = { age = widest(list, "age"), attempt = widest(list, "attempt") }
  -- The ids get two fifths of what is there; with little room the last lines go, not they.
  local left = room - SLOT_CELLS - 2 - sizes.age - (sizes.attempt > 0 and sizes.attempt + 1 or 0)
  local most = math.max(left * 2 // 5, math.min(left, ID_LEAST))
  sizes.id = math.max(math.min(widest(list, "id"), most), 0)
  for i, cells in ipairs(list) do lines[i] = job_line(cells, sizes, room, style) end
  return lines
end

--- The lines, each shorter than the terminal is wide. None if it is too low for any.
---@param view { snapshot: table, rate: number?, eta_ms: number? }
---@param rows integer
---@param columns integer
---@param style kavach.batch.Style
---@return kavach.batch.Line[]
function M.lines(view, rows, columns, style)
  -- One row is for the cursor. Nothing is written into the last column: some terminals go on in
  -- the next row then, and some do not.
  local room = columns - 1
  if rows < 2 or room < 1 then return {} end
  local running = view.snapshot.running or {}
  local count, more = shown_of(running, rows)
  local lines = { head.line(view, room, style) }
  table.move(M.job_lines(running, count, room, style), 1, count, 2, lines)
  if more then
    lines[#lines + 1] = new_line(style, room):add((" "):rep(SLOT_CELLS + 1), "dim"):add(
      ("%s %d %s"):format(style.unicode and "…" or "...", #running - count,
        count > 0 and "more" or "running"), "dim")
  end
  return lines
end

return M
