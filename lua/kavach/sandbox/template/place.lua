-- Where templates are, and that nobody else can reach them: who writes to one owns the guests.

local core = require "kavach.core"
local xdg = require "kavach.xdg"

local place = {}

local OTHERS_WRITE <const>, OTHERS <const> = tonumber("022", 8), tonumber("077", 8)

---$XDG_CACHE_HOME/kavach/templates, or ~/.cache/kavach/templates.
---@return string? folder
---@return string? why
function place.folder()
  return xdg.cache("templates", "templates")
end

-- Why a file or folder is not to be trusted, if so; else what is known of it.
local function objection(path, kind, forbidden)
  local facts, why = core.file_facts(path, "nofollow")
  if not facts then return why end
  if facts.kind ~= kind then return ("%s: it is %s, not %s"):format(path, facts.kind, kind) end
  if facts.uid ~= core.euid() then
    return ("%s: it belongs to user %d, not to this one"):format(path, facts.uid)
  end
  if facts.mode & forbidden ~= 0 then
    local what = facts.mode & OTHERS_WRITE ~= 0 and "write to" or "reach"
    return ("%s: others may %s it (mode %04o)"):format(path, what, facts.mode & 4095)
  end
  return nil, facts
end

---Why a folder is not this user's alone, if so.
---@param path string
---@return string? why
function place.objection(path)
  return (objection(path, "a folder", OTHERS))
end

---The same of a file, which others may read; what is known of it, if there is no objection.
---@param path string
---@return string? why
---@return table? facts of core.file_facts
function place.file_objection(path)
  return objection(path, "a regular file", OTHERS_WRITE)
end

---The folder, made if it is not there, and this user's alone.
---@return string? folder
---@return string? why
function place.own()
  local folder, why = place.folder()
  if not folder then return nil, why end
  local made
  made, why = core.private_directory(folder)
  if not made then return nil, why end
  why = place.objection(folder)
  if why then return nil, why end
  return folder
end

return place
