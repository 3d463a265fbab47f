--- One stream of a job, captured: the first 64 KiB in memory, more of it in a file, and what is
--- more than that may be, counted and dropped.
---
--- A disk that cannot take it is no failure of the job: what is kept is the beginning, the output
--- counts as truncated, and `trouble` says why.

local core = require "kavach.core"
local err = require "kavach.err"
local task = require "kavach.task"

local M = {}

local IN_MEMORY <const> = 64 * 1024
local MAX_OUTPUT <const> = 16 * 1024 * 1024
-- Of the last line: what is shown, and what is kept to find it in.
local SHOWN <const>, TAIL <const> = 200, 512
-- Pieces of text are joined by so many: a job that prints single bytes must not make tables of
-- 65536 entries.
local JOIN <const> = 256
-- Where the file stands is the same at each start, so that one that was left behind is found.
local PARTIAL <const> = "%s/.%s.part"

local DIGEST_OF_NOTHING <const> = "xxh128:" .. core.hash ""

---@class kavach.batch.output
---@field bytes integer what has come
---@field kept integer what of it is kept
---@field trouble? kavach.Error why the rest is not, if that is not max_output
local Output = {}
Output.__index = Output
Output.__name = "kavach.batch.output"

---@class kavach.batch.captured
---@field bytes integer what came, also what was dropped of it
---@field kept integer
---@field text? string what is kept, if that is not much
---@field path? string the file that it is in, otherwise
---@field truncated boolean
---@field digest string of what is kept: "xxh128:" and what xxh128sum prints
---@field trouble? kavach.Error

---@param options { folder: string, name: string, max_output?: integer } the folder is made when it
--- is needed; the file in it is called `name` once it is whole
---@return kavach.batch.output
function M.new(options)
  return setmetatable({
    folder = options.folder, name = options.name, max_output = options.max_output or MAX_OUTPUT,
    bytes = 0, kept = 0, tail = "",
  }, Output)
end

-- ---- the file ----------------------------------------------------------------------------------

local function trouble(self, why)
  self.trouble = self.trouble or err.wrap(why, self.name, "io")
end

-- Takes back the file: what is in memory is all there is.
local function give_up_file(self, why)
  trouble(self, why)
  self.file:close()
  self.file = nil
  os.remove(self.partial)
  self.kept = #self.text
end

-- Opens the file, with what is in memory in it.
local function open_file(self)
  self.text = table.concat(self.parts)
  self.parts = nil
  self.partial = PARTIAL:format(self.folder, self.name)
  local ok, why = core.private_directory(self.folder)
  if ok then
    os.remove(self.partial) -- of an attempt that was cut off
    self.file, why = core.file_open(self.partial, "x")
  end
  if not self.file then return trouble(self, why) end
  ok, why = self.file:write(self.text)
  if not ok then give_up_file(self, why) end
end

local function spill(self, bytes)
  if not self.text then open_file(self) end
  if not self.file then return end
  local ok, why = self.file:write(bytes)
  if not ok then return give_up_file(self, why) end
  self.kept = self.kept + #bytes
end

-- ---- what comes --------------------------------------------------------------------------------

local function keep_text(self, bytes)
  local parts = self.parts
  if not parts then
    self.parts, self.kept = { bytes }, #bytes
    return
  end
  if #parts >= JOIN then
    parts = { table.concat(parts) }
    self.parts = parts
  end
  parts[#parts + 1] = bytes
  self.kept = self.kept + #bytes
end

-- Keeps the end of what has come, with something in it that can be seen.
local function follow(self, bytes)
  if not bytes:find "%S" then
    -- It ends a line at most, and does not push out what can be seen.
    bytes = bytes:find "[\r\n]" and "\n" or " "
    local last = self.tail:sub(-1)
    if last == "\n" or last == bytes then return end
  end
  local tail = #bytes < TAIL and self.tail .. bytes or bytes
  if #tail > TAIL then
    local last = tail:sub(-TAIL)
    if not last:find "%S" then last = tail:match "^(.*%S)":sub(1 - TAIL) .. "\n" end
    tail = last
  end
  self.tail = tail
end

---Takes what comes. It neither waits nor fails.
---@param bytes string
function Output:write(bytes)
  if bytes == "" then return end
  self.bytes = self.bytes + #bytes
  follow(self, bytes)
  if self.trouble then return end
  local room = self.max_output - self.kept
  if #bytes > room then bytes = bytes:sub(1, room) end
  local left = IN_MEMORY - self.kept
  if left > 0 and bytes ~= "" then
    keep_text(self, #bytes > left and bytes:sub(1, left) or bytes)
    bytes = #bytes > left and bytes:sub(left + 1) or ""
  end
  if bytes ~= "" then spill(self, bytes) end
end

-- Without the rest of a character that the cut went through.
local function whole_characters(line, cut_before, cut_after)
  if cut_before then line = line:gsub("^[\x80-\xBF]+", "") end
  if not cut_after then return line end
  return (line:gsub("[\xC2-\xF4][\x80-\xBF]*$", function(last)
    return utf8.len(last) and last or ""
  end))
end

---The last line so far that has something to be seen in it, or the first 200 bytes of it, if it is
---longer (of a very long one, of its end). It comes from the job: escape it before it is shown.
---@return string
function Output:last_line()
  local tail = self.tail
  local first, line = tail:match "()([^\r\n]*%S)%s*$"
  if not line then return "" end
  local long = #line > SHOWN
  return whole_characters(line:sub(1, SHOWN), first == 1 and self.bytes > #tail, long)
end

-- ---- the end -----------------------------------------------------------------------------------

-- The digest of the file, once the disk has it.
local function settle_file(self)
  local job, why = core.file_digest(self.file, "durable")
  if not job then return nil, why end
  task.wait(function(done) core.work(job:work(), job, done) end)
  local digest
  digest, why = job:result()
  if not digest then return nil, why end
  local ok
  ok, why = self.file:close()
  local path = self.folder .. "/" .. self.name
  if ok then ok, why = os.rename(self.partial, path) end
  if not ok then return nil, why end
  self.file, self.path = nil, path
  return digest
end

local function finish_file(self)
  local finished, digest, why = pcall(settle_file, self)
  if finished and digest then return digest end
  if self.file and io.type(self.file) == "closed file" then self.file = nil end
  self:discard()
  if not finished then error(digest, 0) end
  trouble(self, why)
  self.kept = #self.text
end

---No more comes. Waits until a file is on the disk and has its name.
---@return kavach.batch.captured
function Output:finish()
  if self.bytes == 0 then
    return { bytes = 0, kept = 0, text = "", truncated = false, digest = DIGEST_OF_NOTHING }
  end
  local digest = self.file and finish_file(self)
  local text
  if not digest then
    text = self.text or self.parts and table.concat(self.parts) or ""
    digest = core.hash(text)
  end
  return {
    bytes = self.bytes, kept = self.kept, text = text, path = self.path,
    truncated = self.kept < self.bytes, digest = "xxh128:" .. digest, trouble = self.trouble,
  }
end

---Nobody wants it: removes the file that is not finished, if there is one.
function Output:discard()
  if not self.partial or self.path then return end
  if self.file then self.file:close() end
  self.file = nil
  os.remove(self.partial)
  self.partial = nil
end

return M
