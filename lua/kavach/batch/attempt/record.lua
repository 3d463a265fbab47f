--- What is told of a file, or of a folder, that a job made.

local core = require "kavach.core"
local err = require "kavach.err"
local lfs = require "lfs"
local task = require "kavach.task"

local M = {}

local FILE <const>, FOLDER <const>, LINK <const> = "a regular file", "a folder", "a link"

---@class kavach.batch.file
---@field path string in the folder of the files
---@field bytes integer of it, or of all the files in it
---@field digest string "xxh128:" and what xxh128sum prints of it; of a folder, of what that prints
--- of all that is in it, by their names, with links as "link TARGET"
---@field entries? integer of a folder: the files and links in it
---@field target? string where else the file is to be

local function digest_of(path)
  local file <close>, why = core.file_open(path)
  if not file then return nil, why end
  local job
  job, why = core.file_digest(file, "durable")
  if not job then return nil, why end
  task.wait(function(done) core.work(job:work(), job, done) end)
  local digest, bytes = job:result()
  if digest then return digest, bytes end
  return nil, ("%s: %s"):format(path, bytes)
end

local walk

local function add(lines, root, path)
  local place = root .. "/" .. path
  local about, why = core.file_facts(place, "nofollow")
  if not about then return nil, why end
  if about.kind == FOLDER then return walk(lines, root, path) end
  if about.kind == LINK then
    lines[#lines + 1] = ("link %s  %s"):format(lfs.symlinkattributes(place, "target"), path)
    return 0
  end
  local digest, bytes = digest_of(place)
  if not digest then return nil, bytes end
  lines[#lines + 1] = ("%s  %s"):format(digest, path)
  return bytes
end

-- Adds a line for each file in the folder; the sum of their bytes.
function walk(lines, root, path)
  local names, sum = {}, 0
  for name in lfs.dir(root .. "/" .. path) do
    if name ~= "." and name ~= ".." then names[#names + 1] = name end
  end
  table.sort(names)
  for _, name in ipairs(names) do
    local bytes, why = add(lines, root, path == "." and name or path .. "/" .. name)
    if not bytes then return nil, why end
    sum = sum + bytes
  end
  return sum
end

local function of_folder(root, path)
  local lines = {}
  local bytes, why = walk(lines, root .. "/" .. path, ".")
  if not bytes then return nil, why end
  local list = #lines > 0 and table.concat(lines, "\n") .. "\n" or ""
  return { path = path, bytes = bytes, entries = #lines, digest = "xxh128:" .. core.hash(list) }
end

local function of_file(root, path)
  local digest, bytes = digest_of(root .. "/" .. path)
  if not digest then return nil, bytes end
  return { path = path, bytes = bytes, digest = "xxh128:" .. digest }
end

---Waits until the disk has it.
---@param root string
---@param path string in it
---@return kavach.batch.file?
---@return kavach.Error?
function M.of(root, path)
  local facts, why = core.file_facts(root .. "/" .. path, "nofollow")
  local about
  if facts and facts.kind == FOLDER then
    about, why = of_folder(root, path)
  elseif facts and facts.kind == FILE then
    about, why = of_file(root, path)
  elseif facts then
    why = ("%s: it is %s"):format(path, facts.kind)
  end
  if about then return about end
  return err.fail("io", "get: " .. tostring(why), { op = "get" })
end

return M
