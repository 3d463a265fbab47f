-- The transport "share": a command is written as a script into a folder that the guest has mounted,
-- read-only, under the tag "task"; what the agent starts is that script.

local core = require "kavach.core"
local err = require "kavach.err"
local plan = require "kavach.sandbox.plan"
local quote = require "kavach.sandbox.quote"

---@class kavach.share
---@field dir string
local share = {}
share.__index = share

---@return kavach.share?
---@return kavach.Error?
function share.new()
  local dir, why = core.private_dir()
  if not dir then
    return err.fail("creation_failed", "no folder for the task share: " .. tostring(why))
  end
  return setmetatable({ dir = dir, count = 0 }, share)
end

---Writes the script of a command.
---@param spec kavach.command.spec
---@return kavach.command.spec? spec that runs it
---@return kavach.Error?
function share:command(spec)
  if spec.user then
    -- The folder is for its owner's eyes only, on the host and therefore in the guest.
    return err.fail("invalid_argument", "exec: user is not available with transport = \"share\"")
  end
  self.count = self.count + 1
  local name = self.count == 1 and "task.sh" or ("task-%d.sh"):format(self.count)
  local line = spec.shell and spec.argv[1] or "exec " .. quote.words(spec.argv)
  local file, why = io.open(self.dir .. "/" .. name, "wb")
  local ok = file
  if file then
    ok, why = file:write("#!/bin/sh\n", line, "\n")
    local closed, unwritten = file:close()
    if ok and not closed then ok, why = nil, unwritten end
  end
  if not ok then return err.fail("exec_failed", "the task's script: " .. tostring(why)) end
  local copy = {}
  for key, value in next, spec do copy[key] = value end
  copy.argv, copy.shell = { "/bin/sh", plan.TASK_TARGET .. "/" .. name }, false
  return copy
end

return share
