--- Help laid out for a person, in so many columns; an example is what may be wider.

local width = require "kavach.width"

local INDENT <const> = 2
local LEAST <const> = 24 -- columns that a text needs to be read beside another
local NAME_MOST <const> = 20

-- The text in lines of at most `columns` cells; a longer word has a line of its own, cut.
local function wrapped(text, columns)
  local lines, line = {}, ""
  for word in text:gmatch "%S+" do
    local longer = line == "" and word or line .. " " .. word
    if line ~= "" and width.of(longer) > columns then
      lines[#lines + 1], line = line, word
    else
      line = longer
    end
  end
  if line ~= "" then lines[#lines + 1] = line end
  for i, each in ipairs(lines) do lines[i] = width.cut(each, columns) end
  return lines
end

local function paragraph(out, text, columns)
  for _, line in ipairs(wrapped(text, columns)) do out[#out + 1] = line end
end

-- Rows of { name, text }: the texts side by side with the names, or below them where it is narrow.
local function rows(out, list, columns)
  local size = 0
  for _, row in ipairs(list) do size = math.max(size, width.of(row[1])) end
  size = math.min(size, NAME_MOST)
  local left = INDENT + size + 2
  local narrow = columns - left < LEAST
  if narrow then left = 2 * INDENT end
  for _, row in ipairs(list) do
    local lines = wrapped(row[2], math.max(columns - left, 1))
    local head = (" "):rep(INDENT) .. row[1]
    if narrow or width.of(row[1]) > size or #lines == 0 then
      out[#out + 1] = width.cut(head, columns)
    else
      out[#out + 1] = width.fit(head, left) .. table.remove(lines, 1)
    end
    for _, line in ipairs(lines) do out[#out + 1] = (" "):rep(left) .. line end
  end
end

local function option_text(option)
  local parts = { option.type }
  if option.default then parts[#parts + 1] = "default " .. option.default end
  local text = table.concat(parts, ", ")
  return option.text ~= "" and ("%s: %s"):format(text, option.text) or text
end

local function heading(out, text)
  out[#out + 1] = ""
  out[#out + 1] = text
end

--- Lines, each with its end.
---@param help kavach.prompt.help
---@param columns integer
---@return string
return function(help, columns)
  columns = math.max(columns, 10)
  local out, list = {}, {}
  paragraph(out, help.signature, columns)
  if help.summary ~= "" then
    out[#out + 1] = ""
    paragraph(out, help.summary, columns)
  end
  for i, option in ipairs(help.options) do list[i] = { option.name, option_text(option) } end
  if #list > 0 then
    heading(out, help.signature:find("(", 1, true) and "Options:" or "Fields:")
    rows(out, list, columns)
  end
  list = {}
  for i, each in ipairs(help.members) do list[i] = { each.name, each.summary } end
  if #list > 0 then
    heading(out, "It has:")
    rows(out, list, columns)
  end
  if help.example then
    heading(out, "Example:")
    for line in (help.example .. "\n"):gmatch "(.-)\n" do
      out[#out + 1] = line == "" and "" or (" "):rep(INDENT) .. line
    end
  end
  if #help.see > 0 then
    out[#out + 1] = ""
    paragraph(out, "See also " .. table.concat(help.see, ", "), columns)
  end
  return table.concat(out, "\n") .. "\n"
end
