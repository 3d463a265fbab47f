--- The inputs of a batch without a script: words of the command line, or records of files and of
--- standard input, one at a time. Empty records are skipped; one that has more than a mebibyte, or
--- a NUL, is an error. Several files are read one after the other.

local csv = require "kavach.batch.inputs.csv"
local err = require "kavach.err"
local records = require "kavach.batch.inputs.records"
local split = require "kavach.batch.inputs.split"

local M = {}

local BOM <const> = "\xef\xbb\xbf"

---@class kavach.batch.Input
---@field values string[] its columns; one, if it is not split
---@field seq integer its number, from 1
---@field where string for messages: "FILE:12", "word 3"

---@class kavach.batch.Inputs
---@field columns string[]? the names that a header gives to the columns
---@field count integer? how many columns each input has, if that is known
local Inputs = {}
Inputs.__index = Inputs
Inputs.__name = "kavach.batch.Inputs"

local function wrong(where, message, ...)
  return err.fail("invalid_argument", where .. ": " .. message:format(...))
end

-- ---- words -------------------------------------------------------------------------------------

local function next_word(self)
  local seq = self.seq + 1
  local word = self.words[seq]
  if not word then return nil end
  local where = ("word %d"):format(seq)
  if word == "" then return wrong(where, "it is empty") end
  self.seq = seq
  return { values = { word }, seq = seq, where = where }
end

-- ---- records -----------------------------------------------------------------------------------

-- A record of CSV that has begun with this line, to its end: it goes on while a quote is open.
local function rest_of_record(self, line, where)
  local from = self.records
  local file, parts, size, whole = from.at, { line }, #line, csv.is_whole(line)
  while not whole do
    local more, why = from:next()
    if why then return nil, why end
    if not more or from.at ~= file then
      return wrong(where, "a quote is not closed")
    end
    parts[#parts + 1], size = more, size + #more + 1
    if size > records.MOST then
      return wrong(where, "more than %d bytes in one: is a quote not closed?",
        records.MOST)
    end
    whole = not csv.is_whole(more)
  end
  return #parts == 1 and line or table.concat(parts, "\n")
end

-- A record, and where it is from.
local function next_record(self)
  local record, why = self.records:next()
  if not record then return nil, why end
  local where = self.records:where()
  if self.records.number == 1 and (self.csv or self.header) and record:sub(1, 3) == BOM then
    record = record:sub(4)
  end
  if self.csv then
    record, why = rest_of_record(self, record, where)
    if not record then return nil, why end
  end
  return record, where
end

local function check_header(self, names, where)
  local seen = {}
  for _, name in ipairs(names) do
    if name == "" then return wrong(where, "a column of the header has no name") end
    if seen[name] then return wrong(where, "the header has '%s' twice", name) end
    seen[name] = true
  end
  if not self.columns then
    self.columns, self.count = names, #names
  elseif table.concat(self.columns, "\0") ~= table.concat(names, "\0") then
    return wrong(where, "its header is not that of the file before: %s", table.concat(names, ", "))
  end
  return true
end

local function is_empty(self, record)
  return record == "" or self.csv and record == "\r" or self.blanks and not record:find "[^ \t]"
end

local function columns_of(self, record, where)
  if record:find("\0", 1, true) then
    return wrong(where, "it has a NUL in it (--null is for what NULs separate)")
  end
  local values, message = self.split(record)
  if not values then return wrong(where, "%s", message) end
  return values
end

-- The columns of the next record that is not empty, and where it is from.
local function next_values(self)
  while true do
    local record, where = next_record(self)
    if not record then return nil, where end
    if not is_empty(self, record) then
      local values, why = columns_of(self, record, where)
      if not values then return nil, why end
      return values, where
    end
  end
end

local function read_header(self)
  local values, where = next_values(self)
  if not values then return nil, where end
  local fine, why = check_header(self, values, where)
  if not fine then return nil, why end
  self.header_of = self.records.at
  return true
end

local function next_input(self)
  local values, where = next_values(self)
  if not values then return nil, where end
  -- Each file has a header of its own.
  if self.header and self.records.at ~= self.header_of then
    local fine, why = check_header(self, values, where)
    if not fine then return nil, why end
    self.header_of = self.records.at
    return next_input(self)
  end
  if self.columns and #values ~= self.count then
    return wrong(where, "%d columns, and the header has %d", #values, self.count)
  end
  self.seq = self.seq + 1
  return { values = values, seq = self.seq, where = where }
end

-- ---- both --------------------------------------------------------------------------------------

---The next input; nil at the end. After an error there is no other.
---@return kavach.batch.Input?
---@return kavach.Error?
function Inputs:next()
  if self.over then return nil, self.failure end
  local input, why = (self.words and next_word or next_input)(self)
  if not input then
    self.over, self.failure = true, why
    self:close()
  end
  return input, why
end

---May be called again.
function Inputs:close()
  if self.records then self.records:close() end
end

Inputs.__close = Inputs.close

---@class kavach.batch.inputs.from
---@field words string[]? these; or
---@field files string[]? what these have, "-" being standard input
---@field null boolean? NULs separate records, not newlines
---@field colsep string? what separates columns
---@field csv boolean?
---@field header boolean? the first record names the columns

---Waits for the header, if there is one.
---@param from kavach.batch.inputs.from
---@param stdin kavach.Stream? in place of standard input
---@return kavach.batch.Inputs?
---@return kavach.Error? error of kind "invalid_argument", or "io"
function M.open(from, stdin)
  local self = setmetatable({ seq = 0 }, Inputs)
  if from.words then
    self.words, self.count = from.words, 1
    return self
  end
  local message
  self.split, message = split.make(from)
  if not self.split then return err.fail("invalid_argument", message) end
  self.csv, self.header, self.blanks = from.csv, from.header, from.colsep == "\\s+"
  self.count = not (from.csv or from.colsep) and 1 or nil
  local why
  self.records, why = records.open(from.files, from.null and "\0" or "\n", stdin)
  if not self.records then return nil, why end
  if self.header then
    local fine
    fine, why = read_header(self)
    if why then
      self:close()
      return nil, why
    end
    self.over = not fine
  end
  return self
end

return M
