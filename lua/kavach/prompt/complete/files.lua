--- Names of files, for completion.

local plain = require "kavach.plain"

local MOST <const> = 10000 -- entries of a folder that are read

-- What can stand in a string, and be seen.
local function is_fit(name)
  return not name:find "[\"'\\%[%]]" and plain.text(name) == name
end

local function expanded(folder)
  if folder == "" then return "." end
  local home = os.getenv "HOME"
  if folder:sub(1, 2) == "~/" and home then return home .. folder:sub(2) end
  return folder
end

local function is_folder(path)
  return require("lfs").attributes(path, "mode") == "directory"
end

--- The names in a folder that a path may go on with: those of folders have "/" behind them, and
--- hidden ones are there only if asked for. Nothing where there is no such folder.
---@param path string what there is of it
---@return integer start bytes of its last part, which the names take the place of
---@return string[] names in no order
return function(path)
  local folder, part = path:match "^(.*/)([^/]*)$"
  if not folder then folder, part = "", path end
  local names, place = {}, expanded(folder)
  local opened, following, state = pcall(require("lfs").dir, place)
  if not opened then return #part, names end
  local hidden = part:sub(1, 1) == "."
  for _ = 1, MOST do
    local fine, name = pcall(following, state)
    if not fine or not name then break end
    local wanted = name:sub(1, #part) == part and (hidden or name:sub(1, 1) ~= ".")
    if wanted and name ~= "." and name ~= ".." and is_fit(name) then
      names[#names + 1] = name .. (is_folder(place .. "/" .. name) and "/" or "")
    end
  end
  if state then pcall(state.close, state) end
  return #part, names
end
