-- put and get: a file goes as it is (transfer.lua), a folder as a tar archive (tree.lua).

local check = require "kavach.check"
local transfer = require "kavach.sandbox.transfer"

local copy = {}

local EISDIR <const> = 21 -- in the guest: Linux, include/uapi/asm-generic/errno-base.h
local MOST <const> = 1 << 53

---@class kavach.copy.limits
---@field max_bytes integer of the file, or of all the files of the folder
---@field max_entries integer files, folders and links of the folder
local LIMITS = {
  max_bytes = { type = "integer", min = 0, max = MOST, default = 1 << 30 },
  max_entries = { type = "integer", min = 1, max = MOST >> 16, default = 100000 },
}

-- The kind of a file of the host, links followed; nil if it cannot be known.
local function kind_of(path)
  return (require("lfs").attributes(path, "mode"))
end

---@param agent kavach.agent
---@param source string
---@param target string absolute path in the guest
---@param options table?
---@param level integer misuse raises so many steps up
---@return boolean? true
---@return kavach.Error?
function copy.put(agent, source, target, options, level)
  local limits = check.table(LIMITS, options, "put", level + 1)
  local wrong = transfer.unusable("put", target)
  if wrong then return nil, wrong end
  if kind_of(source) ~= "directory" then
    return transfer.put(agent, source, target, limits.max_bytes)
  end
  return require("kavach.sandbox.tree").put(agent, source, target, limits)
end

---@param agent kavach.agent
---@param source string absolute path in the guest
---@param target string
---@param options table?
---@param level integer misuse raises so many steps up
---@return boolean? true
---@return kavach.Error?
function copy.get(agent, source, target, options, level)
  local limits = check.table(LIMITS, options, "get", level + 1)
  local wrong = transfer.unusable("get", source)
  if wrong then return nil, wrong end
  target = target:gsub("(.)/+$", "%1")
  local ok, why = transfer.get(agent, source, target, limits.max_bytes)
  if ok or why.errno ~= EISDIR then return ok, why end
  return require("kavach.sandbox.tree").get(agent, source, target, limits)
end

return copy
