--- What of a table is shown, found in a time that does not depend on its size.
---
--- Its list is what is from 1 up to its length. Of the other keys no more than SCAN are looked at,
--- and the first SAMPLE of those sorted; if there are more, their number is a lower bound.
---
--- A list that is longer than SCAN is leapt over, for other keys behind it: what Lua keeps of it
--- among those may hide some. One that is longer than LEAP is not: Lua would go through all the
--- room that it has for the list, so that nothing is known of other keys.

local M = {}

local SCAN <const>, SAMPLE <const> = 10000, 2000
local LEAP <const> = 1 << 20

local function sorted(keys)
  local numbers, strings, others = {}, {}, {}
  for _, key in ipairs(keys) do
    local kind = type(key)
    local list = kind == "number" and numbers or kind == "string" and strings or others
    list[#list + 1] = key
  end
  table.sort(numbers)
  table.sort(strings)
  table.move(strings, 1, #strings, #numbers + 1, numbers)
  return table.move(others, 1, #others, #numbers + 1, numbers)
end

-- Looks at the keys behind `key`: whether that were all, and whether they were the list's alone.
local function scan(t, key, length, found)
  local alone = true
  for _ = 1, SCAN do
    key = next(t, key)
    if key == nil then return true, alone end
    if not (math.type(key) == "integer" and key >= 1 and key <= length) then
      alone = false
      if not found.seen[key] then
        found.seen[key], found.count = true, found.count + 1
        if found.count <= SAMPLE then found.keys[found.count] = key end
      end
    end
  end
  return false, alone
end

--- How a table is made up, by raw access alone.
---@param t table
---@return { length: integer, keys: any[], others: integer, at_least: boolean } length: of its list;
--- keys: the others, in order; others: how many those are
function M.of(t)
  local length, found = rawlen(t), { keys = {}, seen = {}, count = 0 }
  local all, alone = scan(t, nil, length, found)
  if not all and length >= SCAN and length <= LEAP then
    all = scan(t, length, length, found) and alone
  end
  return {
    length = length, keys = sorted(found.keys), others = found.count, at_least = not all,
  }
end

return M
