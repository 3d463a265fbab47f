--- Ids of jobs that come from inputs. An input's id is its text, so that adding one never shifts
--- what is known of another. Of equal ones the second is "TEXT (2)": which is which makes no
--- difference, since they are equal.
---
--- What was seen is kept as numbers, 8 bytes of a digest each (with the table's own: 24 to 48 an
--- id), not as texts. Should two of millions share one, then the second has a number behind it
--- without need.

local core = require "kavach.core"
local quote = require "kavach.sandbox.quote"

local M = {}

local LONGEST <const> = 65000 -- of rules.ID_MOST, with room for what is added
local KEPT <const> = 1024

local function digest(text)
  return tonumber(core.hash(text):sub(1, 16), 16)
end

-- A text that is too long for an id: its beginning, and a digest of the whole.
local function shortened(text)
  local last = KEPT
  while last > KEPT - 4 and text:byte(last + 1) & 0xC0 == 0x80 do last = last - 1 end
  return ("%s… %s"):format(text:sub(1, last), core.hash(text))
end

---What an input of these columns is called. Columns with blanks in them, and empty ones, stand in
---quotes, so that no two different inputs are called the same.
---@param values string[]
---@param whole boolean? they are one column, always
---@return string
function M.text(values, whole)
  if whole then return values[1] end
  local words = {}
  for i, value in ipairs(values) do
    words[i] = value:find "^[^%s'\"]+$" and value or quote.word(value)
  end
  return table.concat(words, " ")
end

---Gives ids to texts.
---@return fun(text: string): string
function M.numbering()
  local seen = {} -- by digest, how many
  return function(text)
    if #text > LONGEST then text = shortened(text) end
    local key = digest(text)
    local count = seen[key]
    if not count then
      seen[key] = 1
      return text
    end
    local id, id_key
    repeat
      count = count + 1
      id = ("%s (%d)"):format(text, count)
      id_key = digest(id)
    until not seen[id_key]
    seen[key], seen[id_key] = count, 1
    return id
  end
end

---Tells ids that came before.
---@return fun(id: string, at: integer): integer? before where it came before
function M.once()
  local seen = {}
  return function(id, at)
    local key = digest(id)
    local before = seen[key]
    seen[key] = before or at
    return before
  end
end

return M
