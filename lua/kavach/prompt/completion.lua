--- What Tab offers in a session: what kavach.prompt.complete needs to know of it.

local complete = require "kavach.prompt.complete"
local registry = require "kavach.sandbox.registry"

local M = {}

-- Names and ids of the sandboxes, this host's, and those of others by their names alone: a key that
-- was pressed waits for no other process.
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
---@param text string
---@param cursor integer bytes before it
---@return integer start how many bytes before the cursor a choice takes the place of
---@return string[] choices
function M.at(session, text, cursor)
  return complete.at(text, cursor, {
    own = session.own, kept = session.kept.kept(), globals = session.globals,
    commands = require("kavach.prompt.commands").all(),
    sandboxes = sandboxes, jobs = function() return session.jobs:numbers() end,
  })
end

return M
