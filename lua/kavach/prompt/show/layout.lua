--- Lays values out in lines: what fits into one stands in one, other tables are indented.
---
--- No metamethod of a value is called. Depth, the entries of each table and the lines of all are
--- bounded, so that every value is shown in about the same time.

local sample = require "kavach.prompt.show.sample"
local scalars = require "kavach.prompt.show.scalars"
local summary = require "kavach.prompt.summary"
local width = require "kavach.width"
local words = require "kavach.cli.batch.words"

local getmetatable <const> = debug.getmetatable

local ENTRIES <const> = { [0] = 100 } -- by depth
local ENTRIES_DEEPER <const>, ENTRIES_IN_LINE <const> = 20, 40
local STRING_LEAST <const>, INDENT <const>, UNCUT <const> = 24, 2, 1 << 30
-- So much of a line's width may an item have that shares it with others.
local SHARE <const> = 3

---@class kavach.prompt.Layout
---@field lines string[]
---@field columns integer
---@field most integer lines
---@field depth integer
---@field paint fun(text: string, name: string?): string
---@field full boolean? there was more than `most` lines
local Layout = {}
Layout.__index = Layout

---@param options { columns: integer, lines: integer, depth: integer,
--- paint: fun(text: string, name: string?): string }
---@return kavach.prompt.Layout
local function new(options)
  return setmetatable({
    columns = options.columns, most = options.lines, depth = options.depth, paint = options.paint,
    lines = {},
    open = {},    -- by table: its path, while what is in it is being shown
    samples = {}, -- by table: see kavach.prompt.show.sample
    laid = {},    -- by table: its path, once it stands in lines of its own
  }, Layout)
end

--- Adds a line. False if there is no room for it.
---@param text string
---@return boolean
function Layout:add(text)
  if #self.lines >= self.most then
    self.full = true
    return false
  end
  self.lines[#self.lines + 1] = text
  return true
end

-- ---- what stands for a table -------------------------------------------------------------------

function Layout:sample(t)
  local known = self.samples[t]
  if not known then
    known = sample.of(t)
    self.samples[t] = known
  end
  return known
end

-- `<name> ` of a table whose metatable has one. Anybody can give it: the brackets keep it apart.
local function prefix(t)
  if not getmetatable(t) then return "" end
  return ("<%s> "):format(scalars.name_of(t) or "with a metatable")
end

local function place(what, path)
  return path == "" and ("<%s>"):format(what) or ("<%s: %s>"):format(what, path)
end

-- Cut, but with the bracket at its end.
local function cut_within(text, most)
  if width.of(text) <= most then return text end
  local bracket = text:match "[>}]$" or ""
  return width.cut(text, most - #bracket) .. bracket
end

local function count_text(parts)
  local count = words.count(parts.length + parts.others)
  return ("%s%s"):format(parts.at_least and "at least " or "", count)
end

-- The text for a table whose entries are not shown, and its colour; nil for others.
function Layout:instead(t, depth)
  if self.open[t] then return place("cycle", self.open[t]), "object" end
  local line, style = summary.line(t)
  if line then return ("<%s>"):format(line), style or "object" end
  if self.laid[t] then return place("shown above", self.laid[t]), "object" end
  local parts = self:sample(t)
  if parts.length + parts.others == 0 then return prefix(t) .. "{}" end
  if depth >= self.depth then return ("%s{… %s}"):format(prefix(t), count_text(parts)), "dim" end
end

-- ---- in one line -------------------------------------------------------------------------------

-- The entries one by one: key (nil in a list), value.
local function entries(t, parts, most)
  local i, from_list = 0, math.min(parts.length, most)
  local last = math.min(from_list + #parts.keys, most)
  return function()
    i = i + 1
    if i > last then return nil end
    if i <= from_list then return i, nil, rawget(t, i), i end
    local key = parts.keys[i - from_list]
    return i, key, rawget(t, key), key
  end
end

-- What stands before an entry's value.
local function label_of(key)
  if key == nil then return "", 0 end
  local text = scalars.key(key) .. " = "
  return text, width.of(text)
end

-- The value in one line of so many cells, and how many it takes; nil if it does not fit.
function Layout:compact(value, depth, room, path)
  if type(value) == "table" then return self:compact_table(value, depth, room, path) end
  if type(value) == "string" and #value > 8 * room + 64 then return nil end
  local text, style = scalars.text(value, UNCUT)
  local cells = width.of(text)
  if cells > room then return nil end
  return self.paint(text, style), cells
end

function Layout:compact_table(t, depth, room, path)
  local text, style = self:instead(t, depth)
  if text then
    local cells = width.of(text)
    if cells > room then return nil end
    return self.paint(text, style), cells
  end
  local parts, front = self:sample(t), prefix(t)
  if parts.length + parts.others > math.min(room // 3, ENTRIES_IN_LINE) then return nil end
  local out, taken = {}, width.of(front) + 4 -- the braces, with a space each
  self.open[t] = path
  for i, key, value, at in entries(t, parts, ENTRIES_IN_LINE) do
    local label, cells = label_of(key)
    taken = taken + cells + (i > 1 and 2 or 0)
    local shown, more = self:compact(value, depth + 1, room - taken, path .. scalars.step(at))
    if not shown then
      self.open[t] = nil
      return nil
    end
    out[#out + 1], taken = label .. shown, taken + more
  end
  self.open[t] = nil
  return ("%s{ %s }"):format(front, table.concat(out, ", ")), taken
end

-- ---- in several --------------------------------------------------------------------------------

-- Items that share lines: gathered until they fill one.
local function new_flow(self, indent)
  local flow = { items = {}, taken = indent }
  function flow.flush()
    if #flow.items > 0 then self:add((" "):rep(indent) .. table.concat(flow.items, " ")) end
    flow.items, flow.taken = {}, indent
  end
  function flow.add(text, cells)
    if flow.taken + cells + 1 > self.columns then flow.flush() end
    flow.items[#flow.items + 1], flow.taken = text .. ",", flow.taken + cells + 2
  end
  return flow
end

function Layout:expand_entries(t, parts, depth, indent, path)
  local flow = new_flow(self, indent)
  local share = math.max((self.columns - indent) // SHARE, 1)
  local most, shown = ENTRIES[depth] or ENTRIES_DEEPER, 0
  for _, key, value, at in entries(t, parts, most) do
    if self.full then return end
    local text, cells
    if key == nil and type(value) ~= "table" then
      text, cells = self:compact(value, depth + 1, share, path)
    end
    if text then
      flow.add(text, cells)
    else
      flow.flush()
      self:place(value, depth + 1, indent, (label_of(key)), ",", path .. scalars.step(at))
    end
    shown = shown + 1
  end
  flow.flush()
  local left = parts.length + parts.others - shown
  if left > 0 then
    self:add((" "):rep(indent) .. self.paint(("… %s%s more"):format(
      parts.at_least and "at least " or "", words.count(left)), "dim"))
  end
end

--- Adds the lines of a value.
---@param value any
---@param depth integer of the tables that it is in
---@param indent integer
---@param before string visible text before it
---@param after string visible text behind it
---@param path string
function Layout:place(value, depth, indent, before, after, path)
  local margin = (" "):rep(indent) .. before
  local room = self.columns - width.of(margin) - #after
  local text = self:compact(value, depth, room, path)
  if text then return self:add(margin .. text .. after) end
  local style
  if type(value) ~= "table" then
    text, style = scalars.text(value, math.max(room, STRING_LEAST))
  else
    text, style = self:instead(value, depth)
    if text then text = cut_within(text, math.max(room, STRING_LEAST)) end
  end
  if text then return self:add(margin .. self.paint(text, style) .. after) end
  self:add(margin .. prefix(value) .. "{")
  self.open[value] = path
  self:expand_entries(value, self:sample(value), depth, indent + INDENT, path)
  self.open[value], self.laid[value] = nil, path
  if not self.full then self:add((" "):rep(indent) .. "}" .. after) end
end

return { new = new }
