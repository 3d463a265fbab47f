--- What a job wants out of its guest: its patterns are matched there, and again here, and what they
--- name is copied into a folder of the host.
---
--- The guest is hostile. It can name what it likes: a name that the pattern does not match is none,
--- and one that it matches leads nowhere but into that folder.

local core = require "kavach.core"
local command = require "kavach.sandbox.command"
local err = require "kavach.err"
local pattern = require "kavach.batch.attempt.pattern"
local process = require "kavach.process"
local record = require "kavach.batch.attempt.record"
local task = require "kavach.task"

local M = {}

local ENOENT <const> = 2 -- in the guest: Linux, include/uapi/asm-generic/errno-base.h
local FOLDER <const> = "files.part"
-- Of what the guest names, and of all that is copied.
local NAMES_MOST <const>, LIST_MOST <const> = 10000, 4 << 20
local BYTES_MOST <const> = 1 << 30

-- Ends each with a NUL: names may have all else in them.
local SCRIPT <const> =
  [[for f in %s; do if [ -e "$f" ] || [ -L "$f" ]; then printf '%%s\0' "$f"; fi; done]]

local function failed(text, why, kind)
  return err.fail(kind or "io", ("get: '%s' %s"):format(text, why), { op = "get" })
end

-- ---- what there is -----------------------------------------------------------------------------

-- What the agent's own shell makes of the pattern, in the job's folder.
local function list(box, wanted, folder)
  local running <close>, why = command.start(box.vm.agent,
    { argv = { "sh", "-c", SCRIPT:format(pattern.word(wanted)) }, tool = true, cwd = folder })
  if not running then return nil, why end
  running.stderr:discard()
  running.stdout:collect(LIST_MOST)
  local exit
  exit, why = running:wait()
  if not exit then return nil, why end
  local text, truncated = running.stdout:collected()
  if truncated then return failed(wanted.text, "matches more than can be told") end
  if exit.exit_code ~= 0 then
    return failed(wanted.text, ("cannot be looked for: the shell ended with %d")
      :format(exit.exit_code))
  end
  return text
end

-- The paths that match.
local function paths_of(box, wanted, folder)
  if not wanted.magic then return { pattern.path(wanted) } end
  local text, why = list(box, wanted, folder)
  if not text then return nil, why end
  local paths = {}
  for path in text:gmatch "([^\0]*)\0" do
    if pattern.matches(wanted, path) then
      paths[#paths + 1] = path
      if #paths > NAMES_MOST then
        return failed(wanted.text, ("matches more than %d files"):format(NAMES_MOST))
      end
    end
  end
  return paths
end

-- Notes a file to be copied: once, whichever patterns name it.
local function note(found, path, get, wanted, folder)
  local source = wanted.absolute and path or folder .. "/" .. path
  local place = path:gsub("^/", "")
  local known = found[place]
  if known and known.source ~= source then
    return failed(get.pattern, ("and another pattern name two files '%s'"):format(place))
  elseif not known then
    known = { source = source, path = place, text = get.pattern, sure = wanted.magic }
    found[place] = known
    found[#found + 1] = known
  end
  known.target = known.target or get.target
  return true
end

-- All that is wanted, folders before what is in them. The second: what there is nothing of.
local function look(self)
  local found, missing = {}, nil
  for _, get in ipairs(self.job.get) do
    local wanted, message = pattern.read(get.pattern)
    if not wanted then return failed(get.pattern, message, "invalid_argument") end
    local paths, why = paths_of(self.box, wanted, self.folder)
    if not paths then return nil, why end
    if #paths == 0 then missing = missing or get.pattern end
    for _, path in ipairs(paths) do
      local ok
      ok, why = note(found, path, get, wanted, self.folder)
      if not ok then return nil, why end
    end
  end
  table.sort(found, function(a, b) return a.path < b.path end)
  return found, missing
end

-- ---- copying it --------------------------------------------------------------------------------

-- Whether it has come with a folder that it is in: nothing is written into one of those.
local function is_inside(folders, path)
  for at in path:gmatch "()/" do
    if folders[path:sub(1, at - 1)] then return true end
  end
  return false
end

local function copy(self, file)
  local target = self.root .. "/" .. file.path
  local ok, why = core.private_directory(target:match "^(.*)/")
  if not ok then return err.fail("io", "get: " .. why) end
  ok, why = self.box:get(file.source, target, { max_bytes = self.left })
  return ok, why
end

local function take(self, file)
  if not is_inside(self.folders, file.path) then
    local ok, why = copy(self, file)
    if not ok and why.errno == ENOENT and not file.sure then
      self.missing = self.missing or file.text
      return true
    end
    if not ok then return nil, why end
  end
  local about, why = record.of(self.root, file.path)
  if not about then return nil, why end
  if about.entries then self.folders[file.path] = true end
  if not is_inside(self.folders, file.path) then self.left = self.left - about.bytes end
  about.target = file.target
  self.files[#self.files + 1] = about
  return true
end

-- ---- all of it ---------------------------------------------------------------------------------

local function remove(path)
  if not core.file_facts(path, "nofollow") then return end
  process.exec { core.helper_dir() .. "/archive", "remove", path }
end

---Copies what the job wants.
---@param box kavach.Sandbox
---@param job kavach.batch.job
---@param folder string of the attempt
---@return { files: kavach.batch.file[]?, path: string?, missing: string? }? got `missing`: that a
--- pattern matches nothing, in words
---@return kavach.Error?
function M.run(box, job, folder)
  local self = {
    box = box, job = job, folder = (job.cwd or "/"):gsub("/+$", ""), root = folder .. "/" .. FOLDER,
    files = {}, folders = {}, left = BYTES_MOST,
  }
  local whole = false
  local _ <close> = setmetatable({}, { __close = function()
    if not whole then task.shield(remove, self.root) end
  end })
  remove(self.root) -- of an attempt that was cut off
  local found, why = look(self)
  if not found then return nil, why end
  self.missing = why
  for _, file in ipairs(found) do
    local ok
    ok, why = take(self, file)
    if not ok then return nil, why end
  end
  whole = #self.files > 0
  local missing = self.missing and ("get: '%s' matches nothing"):format(self.missing)
  return { files = whole and self.files or nil, path = whole and self.root or nil,
    missing = missing }
end

return M
