-- Removing what is no template any more, or never became one: also what was left behind by
-- processes that were killed together with their supervisors.

local core = require "kavach.core"
local lfs = require "lfs"
local lock = require "kavach.sandbox.template.lock"

local sweep = {}

---The names in a folder.
---@param folder string
---@return string[]? names
---@return string? why
function sweep.names(folder)
  local ok, next_name, state = pcall(lfs.dir, folder)
  if not ok then return nil, tostring(next_name) end
  local list = {}
  for name in next_name, state do
    if name ~= "." and name ~= ".." then list[#list + 1] = name end
  end
  return list
end

---Removes a folder of files, or what is in its place. Of a link, what it leads to stays. Somebody
---else may be at it, too.
---@param folder string
---@return boolean? true it is gone
---@return string? why not
function sweep.remove(folder)
  local is_folder = lfs.symlinkattributes(folder, "mode") == "directory"
  for _, name in ipairs(is_folder and sweep.names(folder) or {}) do
    os.remove(folder .. "/" .. name)
  end
  local ok, why = os.remove(folder)
  if ok or not lfs.symlinkattributes(folder, "mode") then return true end
  return nil, why
end

---Removes a template: takes it out of sight first, so that nobody finds half of it. If somebody
---else has removed it meanwhile, it is gone, too.
---@param base string the folder of templates
---@param digest string
---@return boolean? true
---@return string? why
function sweep.retire(base, digest)
  local folder = base .. "/" .. digest
  local away = ("%s/.old-%s-%x"):format(base, digest, core.hrtime())
  local ok, why = os.rename(folder, away)
  if not ok and not lfs.symlinkattributes(folder, "mode") then return true end
  if ok then ok, why = sweep.remove(away) end
  if not ok then return nil, tostring(why) end
  return true
end

-- What nobody makes any more, and locks of what is not there.
local function sweep_one(base, name, digest, mine)
  local own <close> = digest ~= mine and lock.take(base, digest) or nil
  if digest ~= mine and not own then return end
  if name:sub(1, 1) == "." then sweep.remove(base .. "/" .. name) end
  if own and not lfs.symlinkattributes(base .. "/" .. digest, "mode") then own:remove() end
end

---Removes what others left behind.
---@param base string the folder of templates
---@param mine string the digest of which the caller has the lock
function sweep.run(base, mine)
  for _, name in ipairs(sweep.names(base) or {}) do
    local digest = name:match "^%.new%-(%x+)" or name:match "^(%x+)%.lock$"
    if name:find "^%.old%-" then
      sweep.remove(base .. "/" .. name)
    elseif digest then
      sweep_one(base, name, digest, mine)
    end
  end
end

return sweep
