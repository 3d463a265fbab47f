--- Options of a command line, by lua-argparse, with two things that it does otherwise: options end
--- at the first word that is not one (what follows may be a command with options of its own), and
--- mistakes are returned, not printed. A command whose words are all its own, so that options may
--- stand behind them, sets `parser.interleaved = true`. One whose first words are its own, and then
--- come options, sets `parser.leading` to how many.

local argparse = require "argparse"
local check = require "kavach.check"

local M = {}

local MAX_DURATION_MS <const> = 100 * 365 * 24 * 3600 * 1000
local UNITS = { ms = 1, s = 1000, m = 60000, [""] = 1000 }

-- ---- values ----------------------------------------------------------------------------------

--- "500ms", "8s", "2m"; a bare number is seconds. For `option:convert`.
---@param text string
---@return integer? milliseconds
---@return string? message
function M.duration(text)
  local number, unit = text:match "^(%d+%.?%d*)(%a*)$"
  local scale = number and UNITS[unit]
  if not scale then
    return nil, ("'%s' is not a duration (500ms, 8s, 2m; a bare number is seconds)"):format(text)
  end
  local ms = math.ceil(tonumber(number) * scale)
  if ms > MAX_DURATION_MS then return nil, ("'%s' is longer than a century"):format(text) end
  return math.tointeger(ms)
end

--- Makes a converter for whole numbers from `min` to `max`.
---@return fun(text: string): integer?, string?
function M.integer(min, max)
  return function(text)
    local n = text:find "^%-?%d+$" and math.tointeger(tonumber(text))
    if n and n >= min and n <= max then return n end
    return nil, ("'%s' is not a whole number from %d to %d"):format(text, min, max)
  end
end

--- Makes a converter for numbers above `above` and up to `max`.
---@return fun(text: string): number?, string?
function M.number(above, max)
  return function(text)
    local n = text:find "^%d+%.?%d*$" and tonumber(text)
    if n and n > above and n <= max then return n end
    return nil, ("'%s' is not a number above %s and up to %s"):format(text, above, max)
  end
end

-- ---- the parser ------------------------------------------------------------------------------

-- "-j, --jobs N": all names of an option in one line, where argparse has a line for each.
local function label(option)
  local names = table.concat(option._public_aliases, ", ")
  return { table.concat({ names, table.unpack(option:_get_argument_list()) }, " ") }
end

--- Has the options that a function adds stand under a heading of their own in the help.
---@param parser table
---@param heading string
---@param configure fun(parser: table)
function M.group(parser, heading, configure)
  local first = #parser._options + 1
  configure(parser)
  parser:group(heading, table.unpack(parser._options, first))
end

--- An argparse parser that prints nothing and ends nothing, with what every command has.
---@param name string what usage calls it: "kavach run"
---@param configure fun(parser: table)
function M.parser(name, configure)
  local parser = argparse(name):add_help(false)
  parser:usage_max_width(90):help_max_width(90):help_description_margin(26)
  configure(parser)
  parser:flag("--json", "Print one JSON document and nothing else on standard output.")
  parser:option("--log-format", "How messages on standard error look."):argname "FORMAT"
    :choices { "text", "json" }:default "text"
  parser:flag("-h --help", "Show this help.")
  for _, option in ipairs(parser._options) do option._get_label_lines = label end
  return parser
end

--- The options of a parser by each of their names.
local function by_name(parser)
  local options, names = {}, {}
  for _, option in ipairs(parser._options) do
    for _, alias in ipairs(option._aliases) do
      options[alias] = option
      if #alias > 2 then names[#names + 1] = alias end
    end
  end
  return options, names
end

local function unknown(name, names)
  -- Without the dashes, which all have: else any short name is near to any other.
  local bare = {}
  for i, each in ipairs(names) do bare[i] = each:gsub("^%-+", "") end
  local nearest = check.nearest(name:gsub("^%-+", ""), bare)
  return ("unknown option '%s'%s"):format(name,
    nearest and (" (did you mean '--%s'?)"):format(nearest) or "")
end

--- One word that begins with "-". Puts it into `out` as argparse cannot misread it. Returns how
--- many words were used, or nil and a message.
local function take_option(words, at, options, names, out)
  local word = words[at]
  local name, value = word:match "^(%-%-[^=]+)=(.*)$"
  name = name or word
  local short, rest = word:match "^(%-[^-])(.+)$"
  if short and options[short] and options[short]._maxargs > 0 then name, value = short, rest end
  local option = options[name]
  if not option then return nil, unknown(name, names) end
  if option._maxargs == 0 then
    if value then return nil, ("option '%s' takes no value"):format(name) end
    out[#out + 1] = name
    return 1
  end
  local used = value and 1 or 2
  value = value or words[at + 1]
  if not value then return nil, ("option '%s' needs a value"):format(name) end
  if name:sub(1, 2) == "--" then
    out[#out + 1] = name .. "=" .. value
  else
    out[#out + 1] = name .. value
  end
  return used
end

--- Cuts the words where the options end: at the first word that is not one (behind those that
--- are `leading`), or, if the parser is `interleaved`, at "--" alone. Returns the options in one
--- form, the rest, and, if "--" ended them, how many words stand before it; or nil and a message.
local function split(words, parser)
  local options, names = by_name(parser)
  local out, rest, at = {}, {}, 1
  while words[at] and words[at] ~= "--" do
    if words[at]:sub(1, 1) == "-" and words[at] ~= "-" then
      local used, message = take_option(words, at, options, names, out)
      if not used then return nil, message end
      at = at + used
    elseif parser.interleaved or #rest < (parser.leading or 0) then
      rest[#rest + 1] = words[at]
      at = at + 1
    else
      break
    end
  end
  local before = words[at] == "--" and #rest or nil
  return out, table.move(words, before and at + 1 or at, #words, #rest + 1, rest), before
end

--- Lets a converter's message say which option it is about.
local function name_in_messages(parser)
  for _, option in ipairs(parser._options) do
    local convert = option._convert
    if type(convert) == "function" then
      option._convert = function(text)
        local value, message = convert(text)
        if value ~= nil then return value end
        return nil, ("option '%s': %s"):format(option._aliases[#option._aliases],
          message or ("malformed '%s'"):format(text))
      end
    end
  end
end

--- Whether help is asked for: among the options, whatever else is wrong with them.
local function wants_help(words, parser)
  local options = by_name(parser)
  local at, leading = 1, parser.leading or 0
  while words[at] and words[at] ~= "--" do
    local is_option = words[at]:sub(1, 1) == "-"
    if not is_option and not parser.interleaved then
      if leading == 0 then return false end
      leading = leading - 1
    end
    if words[at] == "-h" or words[at] == "--help" then return true end
    local option = is_option and options[words[at]]
    at = at + (option and option._maxargs > 0 and 2 or 1)
  end
  return false
end

--- Reads the words. Returns what argparse makes of them, with `separated = true` if "--" ended the
--- options and `before`, how many words stand before it; or with `help = true` alone; or nil and a
--- message.
---@param parser table
---@param words string[]
---@return table?
---@return string? message
function M.parse(parser, words)
  if wants_help(words, parser) then return { help = true } end
  local options, rest, before = split(words, parser)
  if not options then return nil, rest end
  name_in_messages(parser)
  options[#options + 1] = "--"
  local ok, result = parser:pparse(table.move(rest, 1, #rest, #options + 1, options))
  if not ok then return nil, result end
  result.separated, result.before = before ~= nil, before
  return result
end

return M
