--- The files of attempts: outputs that the journal has no room for, and what was fetched out of
--- guests. An attempt writes into a hidden folder of its own, which gets its name, SEQ-NUMBER, when
--- the attempt has ended and all of it is on the disk, before that is committed; so what the
--- journal names is whole, and what it does not name is of no account.

local core = require "kavach.core"
local err = require "kavach.err"
local lfs = require "lfs"
local task = require "kavach.task"

local M = {}

---@class kavach.batch.files.folder
---@field path string where the attempt writes; made by it, when it has something to write
local Folder = {}
Folder.__index = Folder

---@param out string the batch's folder
---@param seq integer
---@param number integer
---@return kavach.batch.files.folder
function M.folder(out, seq, number)
  local name = ("%d-%d"):format(seq, number)
  return setmetatable({ out = out, path = out .. "/." .. name, final = out .. "/" .. name },
    Folder)
end

-- Has a job of kavach.core done by another thread.
local function perform(job, why)
  if not job then return nil, why end
  task.wait(function(done) core.work(job:work(), job, done) end)
  return job:result()
end

---Waits until the disk has the names in a folder.
---@param folder string
---@return boolean? true
---@return string? message
function M.sync(folder)
  local ok, why = perform(core.folder_sync(folder))
  return ok, why
end

---Waits until the disk has the names in a folder, and its own: a name is on the disk only if all
---those above it are, and whoever made them may have been ended before it had them there.
---@param folder string an absolute path
---@return boolean? true
---@return string? message
function M.sync_path(folder)
  local ok, why = M.sync(folder)
  local above = folder:match "^(.*)/[^/]+$"
  while ok and above do
    -- What is wrong there shows below it, if at all: it may be others', and not to be looked at.
    M.sync(above == "" and "/" or above)
    above = above:match "^(.*)/[^/]+$"
  end
  return ok, why
end

-- ---- where jobs want them ---------------------------------------------------------------------

-- Puts a fetched file where its job wants it: a copy under another name first, then in one go.
local function place(source, target)
  local part = ("%s.kavach-%d"):format(target, core.getpid())
  os.remove(part)
  local from <close>, unread = core.file_open(source)
  if not from then return nil, unread end
  local into <close>, unwritten = core.file_open(part, "x")
  if not into then return nil, unwritten end
  local ok, why = perform(core.sparse_copy(from, into))
  if ok then ok, why = os.rename(part, target) end
  if not ok then os.remove(part) end
  return ok, why
end

local function place_all(record)
  for _, file in ipairs(record.files or {}) do
    if file.target and not file.entries then
      local ok, why = place(record.files_path .. "/" .. file.path, file.target)
      if not ok then return nil, ("%s: %s"):format(file.target, why) end
    end
  end
  return true
end

-- ---- keeping ----------------------------------------------------------------------------------

-- The files themselves are on the disk: their names are to be, too.
local function sync(folder)
  for name in lfs.dir(folder) do
    local path = folder .. "/" .. name
    if not name:find "^%.%.?$" and lfs.symlinkattributes(path, "mode") == "directory" then
      local ok, why = sync(path)
      if not ok then return nil, why end
    end
  end
  local ok, why = M.sync(folder)
  return ok, why
end

local function moved(self, stream)
  if stream.path then stream.path = self.final .. stream.path:sub(#self.path + 1) end
end

-- nil and why, and whether it is the job's own fault: files that it wants where they cannot be.
local function keep(self, record)
  if record.files_path then
    local files = self.path .. "/files"
    local renamed, trouble = os.rename(record.files_path, files)
    if not renamed then return nil, trouble end
    record.files_path = files
    local placed, misplaced = place_all(record)
    if not placed then return nil, misplaced, true end
  end
  local ok, why = sync(self.path)
  if ok then ok, why = os.rename(self.path, self.final) end
  if ok then ok, why = M.sync(self.out) end
  if ok then ok, why = M.sync(self.out:match "^(.*)/") end -- `out` may be new itself
  if not ok then return nil, why end
  moved(self, record.stdout)
  moved(self, record.stderr)
  if record.files_path then record.files_path = self.final .. "/files" end
  return true
end

local function without_files(record)
  record.files, record.files_path = nil, nil
  for _, stream in ipairs { record.stdout, record.stderr } do
    if stream.path then stream.path, stream.truncated = nil, true end
  end
end

---What the attempt has left is to be kept: gives it its name, and the record the new paths. Waits
---until it is on the disk. What that has not taken makes the record `unkept`: why.
---@param record table
---@return table record
function Folder:keep(record)
  local out, errors = record.stdout, record.stderr
  local trouble = out.trouble or errors.trouble
  if not (trouble or out.path or errors.path or record.files_path) then return record end
  local ok, why, own
  if not trouble then ok, why, own = keep(self, record) end
  if ok then return record end
  self:remove()
  without_files(record)
  if own then
    record.error = err.new("io", why)
    record.reason = record.reason or why
  else
    record.unkept = trouble or err.new("io", tostring(why))
  end
  return record
end

---Nothing of it is kept.
function Folder:remove()
  core.remove_tree(self.path)
  core.remove_tree(self.final)
end

---Removes what attempts that were interrupted have left.
---@param out string
---@param attempts table[] of journal:interrupted()
function M.sweep(out, attempts)
  for _, attempt in ipairs(attempts) do M.folder(out, attempt.seq, attempt.number):remove() end
end

return M
