-- Where the XDG Base Directory Specification has a program keep its files.

local xdg = {}

-- The specification: a relative path in one of its variables is to be ignored.
local function folder(variable, fallback, name, what)
  local base = os.getenv(variable)
  if not base or base:sub(1, 1) ~= "/" then
    local home = os.getenv "HOME"
    if not home or home:sub(1, 1) ~= "/" then
      return nil, ("neither %s nor HOME says where %s may be kept"):format(variable, what)
    end
    base = home .. "/" .. fallback
  end
  return base:gsub("/+$", "") .. "/kavach/" .. name
end

---The folder below a user's cache that is kavach's for these files.
---@param name string of the folder
---@param what string what is kept there, for the message
---@return string? path
---@return string? message if the environment does not say
function xdg.cache(name, what) return folder("XDG_CACHE_HOME", ".cache", name, what) end

---The same for what must not be lost, but is no use on another machine.
---@param name string
---@param what string
---@return string? path
---@return string? message
function xdg.state(name, what) return folder("XDG_STATE_HOME", ".local/state", name, what) end

return xdg
