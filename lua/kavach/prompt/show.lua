--- How the prompt shows what an expression gives.
---
--- Values may hold what a guest has written: whatever a terminal would obey is escaped. And they
--- may have metatables of anybody: nothing of those is called. Objects of kavach are told in a line
--- or a few: see kavach.prompt.summary.

local block = require "kavach.prompt.show.block"
local layout = require "kavach.prompt.show.layout"
local new_paint = require "kavach.prompt.paint"
local scalars = require "kavach.prompt.show.scalars"
local summary = require "kavach.prompt.summary"
local width = require "kavach.width"

local M = {}

local COLUMNS <const>, COLUMNS_LEAST <const>, LINES_LEAST <const> = 80, 20, 200
local DEPTH <const>, DEPTH_MOST <const> = 4, 50
-- How much of a string is shown that stands alone.
local STRING_LINES <const>, BLOCK_LINES <const>, BLOCK_INDENT <const> = 10, 100, 2
local BETWEEN <const>, HEAD <const> = "  ", 4096

---@class kavach.prompt.ShowOptions
---@field columns integer? of the terminal; 80
---@field rows integer? of the terminal: no more lines are shown than it has, or 200
---@field colour boolean? by SGR sequences; the text is the same without
---@field depth integer? how deep tables are shown; 4

local function read_options(options)
  options = options or {}
  local depth = math.max(1, math.min(options.depth or DEPTH, DEPTH_MOST))
  return {
    columns = math.max(options.columns or COLUMNS, COLUMNS_LEAST),
    lines = math.max(options.rows or 0, LINES_LEAST),
    depth = depth, colour = options.colour or false, paint = new_paint(options.colour),
  }
end

-- ---- one value ---------------------------------------------------------------------------------

local function add_block(page, text)
  local columns = page.columns - BLOCK_INDENT
  local lines, cut = block.lines(text, columns, BLOCK_LINES)
  for _, line in ipairs(lines) do page:add((" "):rep(BLOCK_INDENT) .. line) end
  if cut then page:add((" "):rep(BLOCK_INDENT) .. page.paint("…", "dim")) end
end

-- A newline at its end makes no lines of a text; nor does one that is so far behind that it is cut.
local function is_of_lines(text)
  local head = scalars.head(text, HEAD)
  return head:find "\n[^\n]" ~= nil and not scalars.is_binary(head)
end

local function add_string(page, text)
  if is_of_lines(text) then
    page:add(page.paint(("(%s)"):format(block.measure(text)), "dim"))
    return add_block(page, text)
  end
  local shown = scalars.string(text, page.columns * STRING_LINES)
  page:add(page.paint(shown, "text"))
end

local function add_summary(page, about)
  for line in (about.text:gsub("\n$", "") .. "\n"):gmatch "([^\n]*)\n" do page:add(line) end
  for _, part in ipairs(about.blocks or {}) do
    page:add(page.paint(("%s, %s:"):format(part.name, block.measure(part.text)), "dim"))
    add_block(page, part.text)
  end
end

local function add_value(page, value, options)
  if type(value) == "string" then return add_string(page, value) end
  if type(value) == "number" then
    return page:add(page.paint(scalars.lone_number(value), "number"))
  end
  local about = summary.of(value, options)
  if about then return add_summary(page, about) end
  page:place(value, 0, 0, "", "", "")
end

local function finish(page)
  if page.full then
    page.lines[#page.lines + 1] = page.paint(("… cut after %d lines"):format(page.most), "dim")
  end
  return table.concat(page.lines, "\n")
end

--- A value in lines; the last has no newline.
---@param value any
---@param options kavach.prompt.ShowOptions?
---@return string
function M.value(value, options)
  options = read_options(options)
  local page = layout.new(options)
  add_value(page, value, options)
  return finish(page)
end

-- ---- several -----------------------------------------------------------------------------------

-- `nil` and what kavach's functions return after it.
local function failure(values, options)
  if values.n ~= 2 or values[1] ~= nil then return nil end
  local line, style = summary.failure(values[2])
  if not line then return nil end
  return options.paint("nil", "word") .. BETWEEN .. options.paint(line, style)
end

-- All values in one line, if they fit.
local function in_one_line(values, options)
  local out, left = {}, options.columns
  for i = 1, values.n do
    local value = values[i]
    if type(value) == "string" and is_of_lines(value) then return nil end
    local page = layout.new(options)
    local text, cells = page:compact(value, 0, left, "")
    if not text then return nil end
    out[i], left = text, left - cells - width.of(BETWEEN)
  end
  return table.concat(out, BETWEEN)
end

--- What an expression gives, in lines: several values in one if they fit, else each in its own; ""
--- if there are none.
---@param values table as of table.pack
---@param options kavach.prompt.ShowOptions?
---@return string
function M.values(values, options)
  if values.n == 0 then return "" end
  options = read_options(options)
  local failed = failure(values, options)
  if failed then return failed .. "\n" end
  local line = values.n > 1 and in_one_line(values, options)
  if line then return line .. "\n" end
  local page = layout.new(options)
  for i = 1, values.n do
    if page.full then break end
    add_value(page, values[i], options)
  end
  return finish(page) .. "\n"
end

return M
