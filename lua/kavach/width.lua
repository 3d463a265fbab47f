--- How many cells of a terminal a text takes, and cutting it to so many. It errs to the wide side:
--- a text that is said to fit does.
---
--- Where terminals differ this does not follow: marks of scripts that are not below count as a cell
--- each, and characters of ambiguous width as one.

local M = {}

-- The ranges of East_Asian_Width W and F; code points between them that are not assigned count as
-- their neighbours. (EastAsianWidth.txt and DerivedGeneralCategory.txt, Unicode 14.0.0)
local WIDE <const> = [[
1100-115f 231a-231b 2329-232a 23e9-23ec 23f0-23f0 23f3-23f3 25fd-25fe 2614-2615 2648-2653 267f-267f
2693-2693 26a1-26a1 26aa-26ab 26bd-26be 26c4-26c5 26ce-26ce 26d4-26d4 26ea-26ea 26f2-26f3 26f5-26f5
26fa-26fa 26fd-26fd 2705-2705 270a-270b 2728-2728 274c-274c 274e-274e 2753-2755 2757-2757 2795-2797
27b0-27b0 27bf-27bf 2b1b-2b1c 2b50-2b50 2b55-2b55 2e80-303e 3041-3247 3250-4dbf 4e00-a4c6 a960-a97c
ac00-d7a3 f900-fad9 fe10-fe19 fe30-fe6b ff01-ff60 ffe0-ffe6 16fe0-1b2fb 1f004-1f004 1f0cf-1f0cf
1f18e-1f18e 1f191-1f19a 1f200-1f320 1f32d-1f335 1f337-1f37c 1f37e-1f393 1f3a0-1f3ca 1f3cf-1f3d3
1f3e0-1f3f0 1f3f4-1f3f4 1f3f8-1f43e 1f440-1f440 1f442-1f4fc 1f4ff-1f53d 1f54b-1f54e 1f550-1f567
1f57a-1f57a 1f595-1f596 1f5a4-1f5a4 1f5fb-1f64f 1f680-1f6c5 1f6cc-1f6cc 1f6d0-1f6d2 1f6d5-1f6df
1f6eb-1f6ec 1f6f4-1f6fc 1f7e0-1f7f0 1f90c-1f93a 1f93c-1f945 1f947-1f9ff 1fa70-1faf6 20000-3fffd]]

-- Marks that stand on the character before them (General_Category Mn, Me; the same version): those
-- of Latin, Greek, Cyrillic, Hebrew and Arabic, symbols, and kana, as decomposed file names have.
local MARKS <const> = [[
300-36f 483-489 591-5bd 5bf-5bf 5c1-5c2 5c4-5c5 610-61a 64b-65f 670-670 1ab0-1ace 1dc0-1dff
20d0-20f0 3099-309a fe20-fe2f]]

-- They ask for another look of the character before them, wide perhaps: they are left out.
local SELECTORS <const> = "fe00-fe0f e0100-e01ef"

local function read_ranges(text)
  local list = {}
  for first, last in text:gmatch "(%x+)%-(%x+)" do
    list[#list + 1] = { tonumber(first, 16), tonumber(last, 16) }
  end
  return list
end

local wide, marks, selectors = read_ranges(WIDE), read_ranges(MARKS), read_ranges(SELECTORS)

local function is_in(list, c)
  local low, high = 1, #list
  while low <= high do
    local middle = (low + high) // 2
    local range = list[middle]
    if c < range[1] then
      high = middle - 1
    elseif c > range[2] then
      low = middle + 1
    else
      return true
    end
  end
  return false
end

-- The cells of a code point; nil if it is to be left out.
local function cells(c)
  if c < 0x300 then return 1 end
  if is_in(selectors, c) then return nil end
  if is_in(marks, c) then return 0 end
  return is_in(wide, c) and 2 or 1
end

-- So many marks may stand on one character: more would paint over the lines around it.
local MARKS_MOST <const> = 2

-- The code points of the text that are shown, with the cells of each.
local function measured(text)
  local run = 0
  local following, state, at = utf8.codes(text)
  return function()
    while true do
      local c
      at, c = following(state, at)
      if not at then return nil end
      local width = cells(c)
      run = width == 0 and run + 1 or 0
      if width and run <= MARKS_MOST then return c, width end
    end
  end
end

--- How many cells the text takes as `cut` would leave it.
---@param text string UTF-8, of visible characters: as kavach.plain has it
---@return integer
function M.of(text)
  if not text:find "[\x80-\xff]" then return #text end
  local sum = 0
  for _, width in measured(text) do sum = sum + width end
  return sum
end

--- The text, or what it begins with and a mark, in at most `most` cells; and how many it takes.
---@param text string UTF-8, of visible characters
---@param most integer
---@param mark? string what shows that something is missing: one cell; default "…"
---@return string
---@return integer
function M.cut(text, most, mark)
  mark = mark or "…"
  if most < 1 then return "", 0 end
  if not text:find "[\x80-\xff]" then
    if #text <= most then return text, #text end
    return text:sub(1, most - 1) .. mark, most
  end
  local out, sum, kept, kept_sum = {}, 0, 0, 0
  for c, width in measured(text) do
    sum = sum + width
    if sum > most then return table.concat(out, "", 1, kept) .. mark, kept_sum + 1 end
    out[#out + 1] = utf8.char(c)
    if sum < most then kept, kept_sum = #out, sum end
  end
  return table.concat(out), sum
end

--- The text in exactly `size` cells: cut, or with spaces behind it.
---@param text string UTF-8, of visible characters
---@param size integer
---@param mark? string
---@return string
function M.fit(text, size, mark)
  local cut, taken = M.cut(text, size, mark)
  return cut .. (" "):rep(size - taken)
end

return M
