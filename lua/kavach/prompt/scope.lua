--- The names that can be entered in a session, for who looks at them without running anything.

local registry = require "kavach.sandbox.registry"

local M = {}

-- Names and ids of this host's sandboxes; of those of others the names alone, by their links: a key
-- that was pressed waits for no other process.
local function sandboxes()
  local list = {}
  for _, box in ipairs(registry.list()) do
    list[#list + 1] = box.name
    list[#list + 1] = box.id
  end
  local folder = require("kavach.core").private_parent()
  local readable, following, state = pcall(require("lfs").dir, folder or "")
  if readable then
    for file in following, state do list[#list + 1] = file:match "^name%-(.+)$" end
  end
  return list
end

---@param session kavach.prompt.session
---@return kavach.prompt.scope
function M.of(session)
  return {
    global = session.kept.peek, names = session.kept.names,
    commands = require("kavach.prompt.commands").all(),
    sandboxes = sandboxes,
    jobs = function() return session.jobs:numbers() end,
  }
end

return M
