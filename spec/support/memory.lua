--- Sparse files, and work on them.

local core = require "kavach.core"
local task = require "kavach.task"

local M = {}

M.PAGE = 4096

--- A page that is not zero, told from others by `text`.
function M.page(text)
  return (text:rep(M.PAGE // #text + 1):sub(1, M.PAGE))
end

--- Runs a job on the thread pool: its result.
function M.await(job)
  task.wait(function(finish) core.work(job:work(), job, finish) end)
  return job:result()
end

--- Writes strings into an open file, each at the page that its key says.
function M.fill(file, pages)
  for number, bytes in pairs(pages) do
    assert(file:seek("set", number * M.PAGE))
    assert(file:write(bytes))
  end
  assert(file:flush())
  return file
end

--- A memory file of `size` bytes with these pages; all else is holes.
function M.file(size, pages)
  return M.fill(assert(core.memory_file(size)), pages or {})
end

--- All that is in an open file, holes included.
function M.content(file)
  assert(file:seek "set")
  return file:read "a"
end

return M
