--- The records of files, one after the other: what stands between separators (newlines, NULs).
--- Nothing is held but the piece that was read last and a record that is not whole yet.

local err = require "kavach.err"

local M = {}

M.MOST = 1 << 20 -- bytes of one record
local PIECE <const> = 1 << 16

---@class kavach.batch.Records
---@field path string? the file that the last record is of, as messages call it
---@field number integer? its number in there, from 1
local Records = {}
Records.__index = Records
Records.__name = "kavach.batch.Records"

local function open(self, path)
  if path ~= "-" then return require("kavach.file").source(path) end
  return self.stdin or require("kavach.stream").stdin()
end

-- The next file: true, nil if there is none, or nil and an error.
function Records:next_file()
  self:close()
  self.at = self.at + 1
  local path = self.paths[self.at]
  if not path then return nil end
  local source, why = open(self, path)
  if not source then return err.fail("io", tostring(why), { path = path }) end
  self.source, self.path, self.number = source, path == "-" and "standard input" or path, 0
  self.buffer, self.from = "", 1
  return true
end

---Where the last record is from: "FILE:12".
---@return string
function Records:where() return ("%s:%d"):format(self.path, self.number) end

function Records:too_long()
  return err.fail("invalid_argument", ("%s:%d: more than %d bytes in one"):format(self.path,
    self.number + 1, M.MOST))
end

-- The bytes up to and without the one at `stop`.
function Records:take(stop)
  local record = self.buffer:sub(self.from, stop - 1)
  if #record > M.MOST then return self:too_long() end
  self.from, self.number = stop + 1, self.number + 1
  return record
end

-- More bytes: true, nil at the end of the file, or nil and an error.
function Records:more()
  local rest = self.buffer:sub(self.from)
  if #rest > M.MOST then return self:too_long() end
  local bytes, why = self.source:read(PIECE)
  if why then
    return err.fail("io", ("%s: %s"):format(self.path, tostring(why)), { path = self.path,
      cause = why, cut = why.cut })
  end
  if not bytes then return nil end
  self.buffer, self.from, self.searched = rest .. bytes, 1, #rest + 1
  return true
end

-- The next record of this file; nil at its end.
function Records:of_file()
  while true do
    local stop = self.buffer:find(self.separator, math.max(self.from, self.searched or 1), true)
    if stop then return self:take(stop) end
    local more, why = self:more()
    if why then return nil, why end
    if not more then
      -- What stands behind the last separator, if something does.
      if self.from > #self.buffer then return nil end
      return self:take(#self.buffer + 1)
    end
  end
end

---The next record; nil at the end of the last file.
---@return string?
---@return kavach.Error?
function Records:next()
  while true do
    if self.source then
      local record, why = self:of_file()
      if record or why then return record, why end
    end
    local opened, why = self:next_file()
    if not opened then return nil, why end
  end
end

---Opens the first of these files, so that a wrong name is told before anything is done.
---@param paths string[] "-" is standard input
---@param separator string? a byte: newline
---@param stdin kavach.Stream? in place of standard input
---@return kavach.batch.Records?
---@return kavach.Error?
function M.open(paths, separator, stdin)
  local self = setmetatable({
    paths = paths, at = 0, separator = separator or "\n", stdin = stdin,
  }, Records)
  local opened, why = self:next_file()
  if not opened then return nil, why end
  return self
end

---May be called again.
function Records:close()
  if self.source then self.source:close() end
  self.source = nil
end

Records.__close = Records.close

return M
