--- What a job wants in its guest: files and folders of the host, in folders that are made for them.

local command = require "kavach.sandbox.command"
local err = require "kavach.err"

local M = {}

local SAID_MOST <const> = 4096

-- The folders that the targets are in, each once.
local function parents(put)
  local list, seen = {}, {}
  for _, copy in ipairs(put) do
    local parent = copy.target:match "^(/.*[^/])/+[^/]+/*$"
    if parent and not seen[parent] then
      seen[parent] = true
      list[#list + 1] = parent
    end
  end
  return list
end

local function make_folders(box, folders)
  if #folders == 0 then return true end
  local running <close>, why = command.start(box.vm.agent,
    { argv = { "mkdir", "-p", "--", table.unpack(folders) }, tool = true })
  if not running then return nil, why end
  running.stdout:discard()
  running.stderr:collect(SAID_MOST)
  local exit
  exit, why = running:wait()
  if not exit then return nil, why end
  if exit.exit_code == 0 then return true end
  local said = running.stderr:collected():gsub("%s+$", "")
  return err.fail("io", "put: " .. said, { op = "put" })
end

---Copies what the job wants there.
---@param box kavach.Sandbox
---@param put { source: string, target: string }[]
---@return boolean? true
---@return kavach.Error?
function M.run(box, put)
  local ok, why = make_folders(box, parents(put))
  if not ok then return nil, why end
  for _, copy in ipairs(put) do
    ok, why = box:put(copy.source, copy.target)
    if not ok then return nil, why end
  end
  return true
end

return M
