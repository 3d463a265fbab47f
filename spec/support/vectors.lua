--- Evidence to test with. It lies outside of this tree: in ../shared/vectors, or where
--- KAVACH_VECTORS says. Where there is none, specs about it are pending.

local lfs = require "lfs"

local M = {}

M.directory = os.getenv "KAVACH_VECTORS" or "../shared/vectors"

local here = lfs.attributes(M.directory, "mode") == "directory"

--- it(), or pending() with the reason if there is no evidence here.
function M.it(name, fn)
  local busted = require "busted"
  if here then return busted.it(name, fn) end
  return busted.pending(name .. " (no evidence in " .. M.directory .. ")")
end

--- The content of a file, or nil if there is none.
function M.read(path)
  local file = io.open(M.directory .. "/" .. path, "rb")
  if not file then return nil end
  local bytes = file:read "a"
  file:close()
  return bytes
end

--- The same; its absence is an error.
function M.need(path)
  return (assert(M.read(path), "no " .. path .. " in " .. M.directory))
end

--- The names of the folders that have a file of this name, in order.
function M.folders(file)
  local list = {}
  if not here then return list end
  for name in lfs.dir(M.directory) do
    if lfs.attributes(("%s/%s/%s"):format(M.directory, name, file), "mode") == "file" then
      list[#list + 1] = name
    end
  end
  table.sort(list)
  return list
end

return M
