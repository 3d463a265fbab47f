-- Who makes a template holds its lock, DIGEST.lock, until it is there or given up. The kernel lets
-- go of those of a process that ends.

local core = require "kavach.core"

---@class kavach.template.lock
---@field path string
---@field file file*
local lock = {}
lock.__index = lock

---@param base string the folder of templates
---@param digest string
---@return kavach.template.lock?
---@return string? why
function lock.take(base, digest)
  local path = ("%s/%s.lock"):format(base, digest)
  local file, why = core.file_locked(path)
  if file then return setmetatable({ path = path, file = file }, lock) end
  return nil, why or "it is being made"
end

---Removes its file. The lock is still held.
function lock:remove() os.remove(self.path) end

function lock:close()
  if self.file then self.file:close() end
  self.file = nil
end

lock.__close = lock.close

return lock
