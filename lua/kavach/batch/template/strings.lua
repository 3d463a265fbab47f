--- Replacement strings, as GNU parallel has them, and what they stand for.
---
---   {}     the input             {1} {-1}   one of its columns, also counted from the last
---   {.}    without extension     {name}     the same, by the name that the header gives it
---   {/}    its base name         {#}        the number of the input, from 1
---   {//}   its folder            {%}        the slot that the job runs in, from 1
---   {/.}   base name without extension; {1.} {1/} {1//} {1/.} and {name.} … likewise

local check = require "kavach.check"

local M = {}

local function without_extension(text)
  return text:match "^(.*)%.[^/.]*$" or text
end

local function base_name(text)
  return text:match "[^/]*$"
end

-- As dirname(1).
local function folder(text)
  local above = text:match "^(.*[^/])/+[^/]+/*$"
  if above then return above end
  return text:sub(1, 1) == "/" and "/" or "."
end

local FORMS <const> = {
  [""] = function(text) return text end,
  ["."] = without_extension,
  ["/"] = base_name,
  ["//"] = folder,
  ["/."] = function(text) return without_extension(base_name(text)) end,
}

-- The column that a word names, and in which form. A column's whole name wins.
local function by_name(word, columns)
  for i, name in ipairs(columns) do
    if name == word then return i, "" end
  end
  for _, form in ipairs { "//", "/.", "/", "." } do
    if word:sub(-#form) == form then
      local name = word:sub(1, -#form - 1)
      for i, each in ipairs(columns) do
        if each == name then return i, form end
      end
    end
  end
end

local function unknown(word, columns)
  local nearest = check.nearest(word:match "^[^./]+", columns)
  return nil, ("{%s}: there is no such column%s; the header has %s"):format(word,
    nearest and (" (did you mean {%s}?)"):format(nearest) or "", table.concat(columns, ", "))
end

local function numbered(text, form, about)
  local number, count = math.tointeger(tonumber(text)), about.count
  if number and (not count or math.abs(number) <= count) then
    return { kind = "value", index = number, form = FORMS[form] }
  end
  return nil, ("{%s}: an input has %s"):format(text, count == 1
    and "one column; --colsep or --csv makes more of it (a regular expression's may be {N,N})"
    or ("%s columns"):format(count or "not so many"))
end

---What the replacement string that begins at `at` stands for: `{ kind = "value", index =, form = }`
---(index nil: all columns), `{ kind = "seq" }` or `{ kind = "slot" }`, and where the text goes on.
---Nothing, if none begins there; nil, a message, if it is one that cannot be.
---@param text string
---@param at integer where there is a "{"
---@param about { columns: string[]?, count: integer? } the inputs' columns
---@return table? token
---@return integer|string|nil next
function M.read(text, at, about)
  local word, after = text:match("^{([^{}\n]*)}()", at)
  if not word then return nil end
  if word == "#" then return { kind = "seq" }, after end
  if word == "%" then return { kind = "slot" }, after end
  if FORMS[word] then return { kind = "value", form = FORMS[word] }, after end
  local index, form
  if about.columns then index, form = by_name(word, about.columns) end
  if index then return { kind = "value", index = index, form = FORMS[form] }, after end
  local number, suffix = word:match "^(%-?[1-9]%d*)([./]*)$"
  if number and FORMS[suffix] then
    local token, message = numbered(number, suffix, about)
    return token, token and after or message
  end
  local name, rest = word:match "^([%a_][%w_-]*)([./]*)$"
  if about.columns and name and FORMS[rest] then return unknown(word, about.columns) end
end

---The values that a token stands for, of these columns. One that is not there is empty.
---@param token table
---@param values string[]
---@return string|string[] value a list if it is that of all columns
function M.value(token, values)
  local index, form = token.index, token.form
  if index then return form(values[index < 0 and #values + 1 + index or index] or "") end
  if #values == 1 then return form(values[1]) end
  local list = {}
  for i, value in ipairs(values) do list[i] = form(value) end
  return list
end

return M
