--- The calls that were under way when something failed, and whose code each is.

local M = {}

local getinfo <const> = debug.getinfo

-- Of a stack that is too deep for all of it: so many at its top, and at its bottom.
local FIRST <const>, LAST <const>, DEEPEST <const> = 30, 10, 1 << 20
local HERE <const> = getinfo(1, "S").source:match "^@(.*)prompt/trace/frames%.lua$"

---@class kavach.prompt.Frame
---@field place string "(3):1", "job.lua:12", "[C]"
---@field what string? "function 'name'"
---@field is_own boolean? neither kavach's nor C
---@field missing integer? so many that are left out, and no frame

-- Whether a file is kavach's. Lua shortens long names at the front: "...a/kavach/task.lua".
local function is_kavach(file)
  if not HERE then return false end
  if file:sub(1, #HERE) == HERE then return true end
  local rest = file:match "^%.%.%.(.*)$"
  local part = rest and rest:match "^.*/kavach/" or rest and rest:match "^kavach/"
  while part do
    if HERE:sub(-#part) == part then return true end
    part = part:sub(1, -2):match "^.*/kavach/"
  end
  return false
end

local function is_own(file)
  return file ~= "[C]" and file ~= "=[C]" and file ~= "?" and file ~= "(...tail calls...)"
    and not is_kavach(file)
end

-- ---- of a stack --------------------------------------------------------------------------------

local function what_of(about)
  if about.name then
    return ("%s '%s'"):format(about.namewhat ~= "" and about.namewhat or "function", about.name)
  end
end

local function frame_of(level)
  local about = getinfo(level + 1, "Sln")
  if not about then return nil end
  local place = about.short_src
  if about.currentline >= 0 then place = ("%s:%d"):format(place, about.currentline) end
  local file = about.source:sub(1, 1) == "@" and about.source:sub(2) or about.short_src
  return { place = place, what = what_of(about), is_own = is_own(file) }
end

-- The deepest level that there is.
local function depth()
  local low, high = 1, 1
  while high < DEEPEST and getinfo(high, "l") do low, high = high, high * 2 end
  while low < high do
    local middle = (low + high) // 2
    if getinfo(middle, "l") then low = middle + 1 else high = middle end
  end
  return low - 1
end

--- The calls under way, innermost first; of many, the first and the last.
---@param level integer 1 is the function that calls this one
---@return kavach.prompt.Frame[]
function M.capture(level)
  local list, most = {}, FIRST + LAST
  for i = 0, most - 1 do
    local frame = frame_of(level + 1 + i)
    if not frame then return list end
    list[#list + 1] = frame
  end
  local bottom = depth() - 1 -- as seen from here
  local left_out = bottom - (level + most)
  if left_out <= 0 then return list end
  for i = FIRST + 1, most do list[i] = nil end
  list[FIRST + 1] = { place = "", missing = left_out }
  for i = bottom - LAST + 1, bottom do list[#list + 1] = frame_of(i) end
  return list
end

--- Whether what was raised was raised by that file of kavach's.
---@param list kavach.prompt.Frame[]
---@param file string its path within kavach's folder
---@return boolean
function M.is_raised_in(list, file)
  for _, frame in ipairs(list) do
    local where = frame.place:match "^(.*):%d+$"
    if where then return is_kavach(where) and where:sub(-#file) == file end
  end
  return false
end

-- ---- of a text ---------------------------------------------------------------------------------

local TEXT_MOST <const>, LINES_MOST <const> = 64 * 1024, 200

--- The frames of a traceback as debug.traceback writes it.
---@param text string?
---@return kavach.prompt.Frame[]
function M.parse(text)
  local list = {}
  for line in (text or ""):sub(1, TEXT_MOST):gmatch "[^\n]+" do
    local place, what = line:match "^\t(.-): in (.*)$"
    if not place then place = line:match "^\t(.*)$" end
    if place and #list < LINES_MOST then
      local file = place:match "^(.*):%d+$" or place
      local is_gap = place:find "^%.%.%.\t" ~= nil
      list[#list + 1] = { place = place, what = what, is_own = not is_gap and is_own(file) }
    end
  end
  return list
end

return M
