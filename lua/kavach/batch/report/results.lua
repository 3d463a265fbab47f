--- What jobs have brought, as folders: DIR/NAME/ has stdout, stderr, result.json, and files/ if the
--- job had some to bring. NAME is made of the job's id (names.lua). A folder is there when it is
--- whole: it is made in DIR/.kavach-PID-START/ and then renamed; one of the same job that was there
--- before goes the other way, and is removed. What is large is a hard link to the journal's file
--- where the system allows it, so it is not to be written to in place; else a copy.

local command = require "kavach.batch.report.command"
local core = require "kavach.core"
local err = require "kavach.err"
local fields = require "kavach.batch.report.fields"
local guard = require "kavach.batch.report.guard"
local json = require "kavach.json"
local lfs = require "lfs"
local names = require "kavach.batch.report.names"
local staging = require "kavach.batch.report.staging"
local tail = require "kavach.batch.report.tail"
local walk = require "kavach.batch.report.walk"

local M = {}

local VERSION <const> = 1
-- Where a batch's folder has what an attempt got out of its guest: by seq and number.
local FILES <const> = "%d-%d/files"
local FINAL <const> = { done = true, failed = true, cancelled = true }

---@class kavach.batch.Results
local Writer = {}
Writer.__index = Writer

---@param dir string made, with what is above it, if it is not there
---@param options? { folder: string? } where relative paths of outputs begin
---@return kavach.batch.Results?
---@return kavach.Error?
function M.open(dir, options)
  local stage, why = staging.open(dir)
  if not stage then return nil, why end
  return setmetatable({
    dir = dir, out = options and options.folder, stage = stage, folder = stage.folder,
  }, Writer)
end

-- ---- one folder --------------------------------------------------------------------------------

local function write_file(path, bytes)
  local file, why = io.open(path, "wb")
  if not file then return nil, why end
  if bytes == "" then return file:close() end
  file:setvbuf "no" -- it is written at once
  local ok
  ok, why = file:write(bytes)
  local closed, late = file:close()
  if ok and closed then return true end
  return nil, ("%s: %s"):format(path, why or late)
end

local function put_output(self, path, output)
  if not output or not output.path then return write_file(path, output and output.text or "") end
  return staging.bring(tail.resolve(output.path, self.out), path)
end

-- Whether a name leads to below the folder that it stands in.
local function is_below(name)
  if name == "" or name:find("\0", 1, true) or name:sub(1, 1) == "/" then return false end
  for part in name:gmatch "[^/]+" do
    if part == ".." or part == "." then return false end
  end
  return true
end

-- The files that a job brought: `path` is a name below files/, and the same below `files_path`.
local function put_files(self, folder, record)
  local from = record.files_path
  if not from then return nil, "nobody says where its files are" end
  local ok, why = lfs.mkdir(folder)
  for _, file in ipairs(record.files) do
    if not ok then break end
    local name = file.path
    if not is_below(name) then return nil, ("%q is no name below files/"):format(name) end
    ok, why = staging.make_folders(folder, name, "nofollow")
    if ok then
      ok, why = staging.bring(tail.resolve(from, self.out) .. "/" .. name, folder .. "/" .. name)
    end
  end
  return ok, why
end

local function document_of(batch, job, record)
  local out = fields.attempt(record)
  out.version, out.batch, out.seq, out.state = VERSION, batch, job.seq, job.state
  out.attempt, out.number = job.attempt, nil
  fields.put(out, "id", job.id)
  fields.put(out, "command", job.command)
  fields.put(out, "tag", job.tag or "")
  return json.encode(out)
end

-- `job`: { id, seq, tag, state, attempt, command }; `record`: its attempt, with its outputs.
local function put(self, job, record)
  local name = names.folder(job.id)
  local folder = self.folder .. "/" .. name
  local text, trouble = document_of(self.batch, job, record)
  if not text then return nil, trouble end
  local ok, why = self.stage:make(name)
  if ok then ok, why = put_output(self, folder .. "/stdout", record.stdout) end
  if ok then ok, why = put_output(self, folder .. "/stderr", record.stderr) end
  if ok then ok, why = write_file(folder .. "/result.json", text .. "\n") end
  if ok and record.files and #record.files > 0 then
    ok, why = put_files(self, folder .. "/files", record)
  end
  if ok then ok, why = self.stage:publish(name) end
  if ok then return true end
  core.remove_tree(folder)
  return err.fail("io", ("the results of job '%s': %s"):format(
    require("kavach.plain").text(job.id:sub(1, 200)), tostring(why)), { path = self.dir })
end

-- ---- while it runs -----------------------------------------------------------------------------

--- An observer of the batch: the last attempt of a job makes its folder. One that failed does not
--- keep others from theirs.
---@param e table an event
---@return true?
---@return kavach.Error?
function Writer:event(e)
  if e.event == "begin" then self.batch = e.batch end
  if e.event ~= "ended" or not FINAL[e.state] then return true end
  local record = e.result or {}
  return put(self, {
    id = e.job, seq = e.seq, tag = e.tag, state = e.state, attempt = e.attempt, command = e.command,
  }, setmetatable({ slot = e.slot, reason = e.reason }, { __index = record }))
end

---@return true?
---@return kavach.Error?
function Writer:close() return self.stage:close() end
Writer.__close = Writer.close

-- ---- afterwards --------------------------------------------------------------------------------

local function exported(self, r, job, attempt)
  local record = setmetatable({
    stdout = r:output(job.seq, attempt.number, "stdout"),
    stderr = r:output(job.seq, attempt.number, "stderr"),
    reason = job.reason or attempt.reason,
    files_path = attempt.files and FILES:format(job.seq, attempt.number),
  }, { __index = attempt })
  return put(self, {
    id = job.id, seq = job.seq, tag = job.tag, state = job.state, attempt = attempt.number,
    command = command.text(job),
  }, record)
end

local function export(r, dir, options)
  local self <close>, why = M.open(dir, options)
  if not self then return nil, why end
  self.batch = assert(r:about()).name
  local count = 0
  for job, attempts in walk.jobs(r) do
    local last = attempts[#attempts]
    if last and FINAL[job.state] and not (options.missing
      and lfs.attributes(dir .. "/" .. names.folder(job.id) .. "/result.json", "mode")) then
      local ok, trouble = exported(self, r, job, last)
      if not ok then return nil, trouble end
      count = count + 1
    end
  end
  return count
end

--- The folders of all jobs that have come to an end by an attempt.
---@param r table a reader of a journal
---@param dir string
---@param options? { folder: string?, missing: boolean? } where relative paths of outputs begin, and
--- what was got out of guests is; `missing`: only of jobs that have no folder, as after a crash
--- between the journal's commit and the folder
---@return integer? count of the folders made
---@return kavach.Error?
function M.export(r, dir, options) return guard.run(export, r, dir, options or {}) end

return M
