-- Who makes a template holds its lock, DIGEST.lock, until it is there or given up. The kernel lets
-- go of those of a process that ends.

local core = require "kavach.core"
local lfs = require "lfs"

---@class kavach.template.lock
---@field path string
---@field file userdata
local lock = {}
lock.__index = lock

-- By path. The kernel's locks (fcntl(2)) are a process's: they do not keep out itself, and are gone
-- once it closes the file, by whichever descriptor.
local held = {}

-- Whoever had the lock may have removed its file meanwhile.
local function is_there(file, path)
  local opened, named = core.file_facts(file), core.file_facts(path, "nofollow")
  return opened and named and opened.ino == named.ino and opened.dev == named.dev
end

---@param base string the folder of templates
---@param digest string
---@return kavach.template.lock?
---@return string? why
function lock.take(base, digest)
  local path = ("%s/%s.lock"):format(base, digest)
  while not held[path] do
    local file, why = io.open(path, "ab")
    if not file then return nil, why end
    local locked, trouble = lfs.lock(file, "w")
    if locked and is_there(file, path) then
      held[path] = setmetatable({ path = path, file = file }, lock)
      return held[path]
    end
    file:close()
    if not locked then return nil, ("another process makes it (%s)"):format(trouble) end
  end
  return nil, "it is being made"
end

---Removes its file. The lock is still held.
function lock:remove() os.remove(self.path) end

function lock:close()
  if held[self.path] ~= self then return end
  held[self.path] = nil
  self.file:close()
end

lock.__close = lock.close

return lock
