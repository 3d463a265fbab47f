--- Folders that appear whole: DIR/.kavach-PID-START/ is where a process makes them (START tells it
--- from a later one of the same number). What it leaves there when it dies, the next one that opens
--- DIR puts right.

local core = require "kavach.core"
local err = require "kavach.err"
local hosts = require "kavach.sandbox.control.hosts"
local lfs = require "lfs"

local M = {}

local OLD <const> = "/.old" -- no job's folder begins with a dot
local PIECE <const> = 1 << 20
local PATTERN <const> = "^%.kavach%-(%d+%-%d+)%-?%d*$"

-- ---- files -------------------------------------------------------------------------------------

local function copy(from, to)
  local source <close>, why = core.file_open(from)
  if not source then return nil, why end
  local target <close>, trouble = io.open(to, "wb")
  if not target then return nil, trouble end
  target:setvbuf "no"
  while true do
    local bytes, unread = source:read(PIECE)
    if unread then return nil, unread end
    if not bytes then return true end
    local ok, unwritten = target:write(bytes)
    if not ok then return nil, unwritten end
  end
end

local function bring_folder(from, to)
  local ok, why = lfs.mkdir(to)
  for name in lfs.dir(from) do
    if not ok then break end
    if name ~= "." and name ~= ".." then
      ok, why = M.bring(from .. "/" .. name, to .. "/" .. name)
    end
  end
  return ok, why
end

--- Has the file be at `to`, too: a hard link, or a copy where there can be none. A symbolic link
--- becomes one that says the same, and is not followed; a folder is brought with all that is in it.
---@param from string
---@param to string nothing is there
---@return true?
---@return string?
function M.bring(from, to)
  local facts = lfs.symlinkattributes(from)
  if not facts then return copy(from, to) end -- which says why it cannot
  if facts.mode == "directory" then return bring_folder(from, to) end
  if facts.mode == "link" then return lfs.link(facts.target, to, true) end
  if lfs.link(from, to) then return true end
  return copy(from, to)
end

--- Makes the folders of a name with slashes, below `folder`.
---@param folder string
---@param name string "a/b/file"
---@param how? "nofollow" a link is no folder
---@return true?
---@return string?
function M.make_folders(folder, name, how)
  local look = how == "nofollow" and lfs.symlinkattributes or lfs.attributes
  for at in name:gmatch "()/" do
    local path = folder .. "/" .. name:sub(1, at - 1)
    local ok, why = lfs.mkdir(path)
    if not ok and look(path, "mode") ~= "directory" then return nil, path .. ": " .. why end
  end
  return true
end

-- ---- the folder --------------------------------------------------------------------------------

---@class kavach.batch.Staging
---@field folder string
local Staging = {}
Staging.__index = Staging

-- A process died: what it had put away and not yet replaced is put back, all else removed.
local function restore(dir, folder)
  local old = folder .. OLD
  if lfs.symlinkattributes(old, "mode") == "directory" then
    for name in lfs.dir(old) do
      if name ~= "." and name ~= ".." and not lfs.symlinkattributes(dir .. "/" .. name, "mode") then
        os.rename(old .. "/" .. name, dir .. "/" .. name)
      end
    end
  end
  core.remove_tree(folder)
end

local function sweep(dir)
  local dead = {}
  for name in lfs.dir(dir) do
    local process = name:match(PATTERN)
    if process and not hosts.alive(process) then dead[#dead + 1] = name end
  end
  for _, name in ipairs(dead) do restore(dir, dir .. "/" .. name) end
end

---@param dir string made if it is not there
---@return kavach.batch.Staging?
---@return kavach.Error?
function M.open(dir)
  local root = dir:sub(1, 1) == "/" and "" or "."
  local ok, why = M.make_folders(root, (dir:gsub("^/+", "")) .. "/")
  if not ok then return err.fail("io", why, { path = dir }) end
  sweep(dir)
  local base, number = ("%s/.kavach-%s"):format(dir, hosts.own()), 0
  local folder = base
  ok, why = lfs.mkdir(folder)
  while not ok and lfs.symlinkattributes(folder, "mode") do -- another writer of this process
    number = number + 1
    folder = ("%s-%d"):format(base, number)
    ok, why = lfs.mkdir(folder)
  end
  if not ok then return err.fail("io", ("%s: %s"):format(dir, why), { path = dir }) end
  return setmetatable({ dir = dir, folder = folder }, Staging)
end

--- Makes the folder of that name here.
---@param name string
function Staging:make(name) return lfs.mkdir(self.folder .. "/" .. name) end

--- Has the folder of that name appear. The system renames a folder to the name of one that is
--- there only if that is empty, so an older one is put away before: between the two renames there
--- is none.
---@param name string
---@return true?
---@return string?
function Staging:publish(name)
  local new, final = self.folder .. "/" .. name, self.dir .. "/" .. name
  if os.rename(new, final) then return true end
  local old = self.folder .. OLD
  lfs.mkdir(old)
  local ok, why = os.rename(final, old .. "/" .. name)
  if ok then ok, why = os.rename(new, final) end
  if not ok then
    os.rename(old .. "/" .. name, final)
    return nil, why
  end
  return core.remove_tree(old .. "/" .. name)
end

---@return true?
---@return kavach.Error?
function Staging:close()
  if self.closed then return true end
  self.closed = true
  local ok, why = core.remove_tree(self.folder)
  if ok then return true end
  return err.fail("io", tostring(why), { path = self.dir })
end

return M
