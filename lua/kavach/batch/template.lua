--- Commands with replacement strings in them (template/strings.lua), to be made once for each
--- input. There are three forms:
---
--- - a line for the shell: each value is quoted, as the place in the line where it stands needs it
---   (template/shell.lua); what is `${…}` is the shell's. `{%}` becomes ${KAVACH_SLOT}, since the
---   slot is known when the job starts: the variable is set for every job.
--- - an argv: values go in as they are. A word that is nothing but a replacement string of all
---   columns becomes as many words. There is no shell, so `{%}` is refused.
--- - a text that is no command (an id, a path): values go in as they are, columns with a space
---   between them; nothing is ever added to it, and `{%}` is refused.
---
--- The first two have the input as their last word if they have no replacement string. `{{` means
--- nothing. Without names for the columns, `{word}` stays as it is.

local shell = require "kavach.batch.template.shell"
local strings = require "kavach.batch.template.strings"

local M = {}

---@class kavach.batch.Template
---@field form "shell"|"argv"|"text"
local Template = {}
Template.__index = Template
Template.__name = "kavach.batch.Template"

-- The parts of a text in which nothing is quoted.
local function read_plain(text, about)
  local parts, from, at = {}, 1, text:find("{", 1, true)
  while at do
    local token, after = strings.read(text, at, about)
    if not token and after then return nil, after end
    if token then
      if token.kind == "slot" then
        return nil, "{%} is known to a shell alone: use sh -c with $KAVACH_SLOT"
      end
      if at > from then parts[#parts + 1] = text:sub(from, at - 1) end
      parts[#parts + 1] = token
      from = after
    end
    at = text:find("{", token and after or at + 1, true)
  end
  if from <= #text then parts[#parts + 1] = text:sub(from) end
  return parts
end

local function write_plain(_, value)
  return type(value) == "string" and value or table.concat(value, " ")
end

-- The text of these parts for one input.
local function write(parts, values, seq, write_value)
  local out = {}
  for i, part in ipairs(parts) do
    if type(part) == "string" then
      out[i] = part
    elseif part.kind == "seq" then
      out[i] = write_value(part, ("%d"):format(seq))
    else
      out[i] = write_value(part, strings.value(part, values))
    end
  end
  return table.concat(out)
end

local function has_token(parts)
  for _, part in ipairs(parts) do
    if type(part) == "table" then return true end
  end
  return false
end

local function read_argv(argv, about)
  local words, found = {}, false
  for i, word in ipairs(argv) do
    local parts, message = read_plain(word, about)
    if not parts then return nil, message end
    words[i], found = parts, found or has_token(parts)
  end
  if #words == 0 then return nil, "it has no words" end
  if not found then words[#words + 1] = read_plain("{}", about) end
  return words
end

local function write_argv(words, values, seq)
  local argv = {}
  for _, parts in ipairs(words) do
    local alone = #parts == 1 and type(parts[1]) == "table" and parts[1]
    local value = alone and alone.kind == "value" and strings.value(alone, values)
    if type(value) == "table" then
      table.move(value, 1, #value, #argv + 1, argv)
    else
      argv[#argv + 1] = value or write(parts, values, seq, write_plain)
    end
  end
  return argv
end

---@class kavach.batch.template.options
---@field form "shell"|"argv"|"text"|nil by itself: shell of a string, argv of a list
---@field columns string[]? the names of the columns, if they have some
---@field count integer? how many columns each input has, if that is known

---@param text string|string[]
---@param options kavach.batch.template.options?
---@return kavach.batch.Template?
---@return string? message
function M.compile(text, options)
  options = options or {}
  local columns = options.columns
  local about = { columns = columns, count = columns and #columns or options.count }
  local form = options.form or type(text) == "table" and "argv" or "shell"
  local read = form == "argv" and read_argv or form == "shell" and shell.read or read_plain
  local parts, message = read(text, about)
  if not parts then return nil, message end
  return setmetatable({ form = form, parts = parts }, Template)
end

---The command for one input.
---@param input { values: string[] } its columns; one that it does not have is empty
---@param about { seq: integer }
---@return string|string[]
function Template:expand(input, about)
  if self.form == "argv" then return write_argv(self.parts, input.values, about.seq) end
  return write(self.parts, input.values, about.seq,
    self.form == "shell" and shell.write or write_plain)
end

return M
