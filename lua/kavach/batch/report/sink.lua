--- A file that is written piece by piece and is there when it is whole: under a hidden name first,
--- then renamed. What is no regular file (a FIFO, /dev/stdout) is written as it is; "-" is standard
--- output.

local core = require "kavach.core"
local err = require "kavach.err"
local guard = require "kavach.batch.report.guard"
local lfs = require "lfs"

local M = {}

local BUFFER <const> = 64 * 1024
-- Of the name, in that of the hidden folder.
local NAME_KEPT <const> = 128

-- The hidden folder goes with what is in it.
local function tidy(hidden)
  os.remove(hidden)
  lfs.rmdir(hidden:match "^(.*)/")
end

---@class kavach.batch.Sink
local Sink = {}
Sink.__index = Sink

local function fail(path, why)
  return err.fail("io", why:find(path, 1, true) and why or ("%s: %s"):format(path, why),
    { path = path })
end

-- What a link leads to is replaced, not the link.
local function target_of(path)
  local leads = lfs.symlinkattributes(path, "target")
  if not leads then return path end
  return leads:sub(1, 1) == "/" and leads or (path:match "^(.*/)" or "") .. leads
end

---@param path string
---@return kavach.batch.Sink?
---@return kavach.Error?
function M.open(path)
  if path == "-" then
    return setmetatable({ path = "standard output", file = io.stdout, parts = {}, size = 0 }, Sink)
  end
  local mode = lfs.attributes(path, "mode")
  local final = mode == "file" and target_of(path) or path
  local hidden
  if not mode or mode == "file" then
    local folder, name = final:match "^(.*/)([^/]*)$"
    -- In a folder of its own, which nobody can have made before: others may write into this one.
    hidden = ("%s.%s.%d"):format(folder or "", (name or final):sub(1, NAME_KEPT), core.getpid())
    lfs.rmdir(hidden)
    local made, why = lfs.mkdir(hidden)
    if not made then return fail(path, why) end
    hidden = hidden .. "/part"
  end
  local file, why = core.file_open(hidden or path, "w")
  -- the message is about the name that was asked for
  if not file then
    if hidden then tidy(hidden) end
    return fail(path, (why:gsub("^.*: ", "")))
  end
  return setmetatable({ path = path, final = final, hidden = hidden, file = file, parts = {},
    size = 0 }, Sink)
end

local function pass_on(self)
  if self.failure then return end
  local ok, why = self.file:write(table.concat(self.parts))
  self.parts, self.size = {}, 0
  if not ok then self.failure = why end
end

--- Adds to it. Failures are told by `commit`.
---@param ... string
function Sink:write(...)
  for i = 1, select("#", ...) do
    local piece = select(i, ...)
    self.parts[#self.parts + 1] = piece
    self.size = self.size + #piece
  end
  if self.size >= BUFFER then pass_on(self) end
end

--- Whether writing goes on to make sense.
---@return boolean
function Sink:ok() return not self.failure end

--- Ends it: the file is there, whole.
---@return true?
---@return kavach.Error?
function Sink:commit()
  if self.done then return true end
  pass_on(self)
  self.done = true
  local ok, why
  if self.file == io.stdout then
    ok, why = self.file:flush()
  else
    ok, why = self.file:close()
  end
  why = self.failure or not ok and why
  if not why and self.hidden then
    ok, why = os.rename(self.hidden, self.final)
    if ok then why = nil end
  end
  if self.hidden then tidy(self.hidden) end
  if not why then return true end
  return fail(self.path, (why:gsub("^.*: ", "")))
end

--- Gives it up, if it is not committed: what was there before stays.
function Sink:close()
  if self.done then return end
  self.done = true
  if self.file ~= io.stdout then self.file:close() end
  if self.hidden then tidy(self.hidden) end
end
Sink.__close = Sink.close

--- Writes a whole document: `produce(sink)` writes its pieces. Returns nil and an error, if it does
--- or raises one, and what was there before stays.
---@param path string
---@param produce fun(sink: kavach.batch.Sink): true?, kavach.Error?
---@return true?
---@return kavach.Error?
function M.whole(path, produce)
  local sink <close>, why = M.open(path)
  if not sink then return nil, why end
  local ok, trouble = guard.run(produce, sink)
  if not ok then return nil, trouble end
  return sink:commit()
end

return M
