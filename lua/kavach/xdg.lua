-- Where the XDG Base Directory Specification has a program keep its files.

local xdg = {}

---The folder below a user's cache that is kavach's for these files.
---@param name string of the folder
---@param what string what is kept there, for the message
---@return string? path
---@return string? message if the environment does not say
function xdg.cache(name, what)
  local base = os.getenv "XDG_CACHE_HOME"
  if not base or base:sub(1, 1) ~= "/" then -- the specification: relative ones are to be ignored
    local home = os.getenv "HOME"
    if not home or home:sub(1, 1) ~= "/" then
      return nil, ("neither XDG_CACHE_HOME nor HOME says where %s may be kept"):format(what)
    end
    base = home .. "/.cache"
  end
  return base .. "/kavach/" .. name
end

return xdg
