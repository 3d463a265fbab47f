--- The names that can be entered in a session, for who looks at them without running anything.

local registry = require "kavach.sandbox.registry"

local M = {}

local get, each = rawget, next

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

-- The tables that a name is looked up in, in order, as kavach.prompt.entry.environment has them.
local function tables(session)
  local list = { session.kept.kept(), session.own, session.globals }
  local meta = debug.getmetatable(session.globals)
  local behind = type(meta) == "table" and get(meta, "__index")
  if type(behind) == "table" then list[4] = behind end
  return list
end

---@param session kavach.prompt.session
---@return kavach.prompt.scope
function M.of(session)
  return {
    global = function(name)
      for _, names in ipairs(tables(session)) do
        local value = get(names, name)
        if value ~= nil then return value end
      end
    end,
    names = function()
      local list = {}
      for _, names in ipairs(tables(session)) do
        for name in each, names do
          if type(name) == "string" then list[#list + 1] = name end
        end
      end
      return list
    end,
    commands = require("kavach.prompt.commands").all(),
    sandboxes = sandboxes,
    jobs = function() return session.jobs:numbers() end,
  }
end

return M
