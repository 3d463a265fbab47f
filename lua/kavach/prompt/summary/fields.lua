--- Fields of objects, read raw, as visible text.

local plain = require "kavach.plain"
local scalars = require "kavach.prompt.show.scalars"
local width = require "kavach.width"

local M = {}

local MOST <const> = 60

--- A field of what may be a table, by raw access.
---@param from any
---@param name any
---@return any
function M.raw(from, name)
  return type(from) == "table" and rawget(from, name) or nil
end

--- A value that may be anything in one short line.
---@param value any
---@param most integer? cells
---@return string
function M.text(value, most)
  most = most or MOST
  if type(value) ~= "string" then return (scalars.text(value, most)) end
  return (width.cut(plain.text(scalars.head(value, most * 4)), most))
end

--- The words that there are, with commas.
---@param words table those that are nil or false are left out
---@param count integer
---@return string
function M.list(words, count)
  local out = {}
  for i = 1, count do
    if words[i] then out[#out + 1] = words[i] end
  end
  return table.concat(out, ", ")
end

--- "form" of a number that there is.
---@param form string with a %s
---@param value any
---@return string?
function M.number(form, value)
  return type(value) == "number" and form:format(("%g"):format(value)) or nil
end

return M
