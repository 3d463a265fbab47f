--- What happens in a host whether anybody asks for it or not, and its prompts tell.

local plain = require "kavach.plain"
local registry = require "kavach.sandbox.registry"

local M = {}

-- A sandbox that ended, but not because somebody wanted it. Returns what ends that.
local function watch_end(session, id, name, vm)
  local told = false
  return vm.changed:watch(function()
    if told or not vm.cause or vm.state ~= "stopped" or session.over then return end
    told = true
    session:announce(plain.text(("sandbox %s died: %s"):format(name or id, vm.cause.message)))
  end)
end

--- Has a session announce them until what is returned is called.
---@param session kavach.prompt.session
---@return fun() stop
function M.watch(session)
  local watched = setmetatable({}, { __mode = "k" }) -- by the VM, which may be gone before
  local stop = registry.watch(function(id, name, vm)
    watched[vm] = watch_end(session, id, name, vm)
  end)
  return function()
    stop()
    for _, each in next, watched do each() end
  end
end

return M
