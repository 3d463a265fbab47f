--- Journals for specs, each in a folder of its own.

local host = require "support.host"
local journal = require "kavach.batch.journal"
local task = require "kavach.task"

local M = {}

M.ABOUT = { name = "spec", uuid = "u-1", form = "lua", source = { path = "a.lua", args = {} } }
M.RUN = { pid = 7, start = "123", boot_id = "b", jobs = 2 }

---@return table with folder, path, remove; j if it is open
function M.place()
  local folder, remove = host.folder()
  return { folder = folder, path = folder .. "/spec.db", remove = remove }
end

--- A journal with a run and, if ids are given, jobs: they, by their ids.
function M.begun(path, ids)
  local j = assert(journal.create(path, M.ABOUT))
  assert(j:begin_run(M.RUN))
  local jobs = {}
  for _, id in ipairs(ids or {}) do jobs[#jobs + 1] = { id = id } end
  if #jobs > 0 then assert(M.await(j, "add", jobs)) end
  local by_id = {}
  for _, job in ipairs(jobs) do by_id[job.id] = job end
  return j, by_id
end

--- Calls a method whose last argument is told, and waits for what it is told.
function M.await(j, method, ...)
  local arguments = table.pack(...)
  return task.wait(function(done)
    arguments[arguments.n + 1] = done
    j[method](j, table.unpack(arguments, 1, arguments.n + 1))
  end)
end

--- All that an iterator gives.
function M.all(iterator)
  local list = {}
  for item in iterator do list[#list + 1] = item end
  return list
end

return M
