--- What a batch writes for others, beside its journal: the options joblog and results, as its jobs
--- end; junit and report, when all have.

local err = require "kavach.err"

local M = {}

local AS_THEY_END <const> = { "joblog", "results" }
local AT_THE_END <const> = { { "junit", "junit" }, { "report", "html" } }

---@class kavach.batch.exports
local Exports = {}
Exports.__index = Exports

local function wrapped(name, why) return { option = name, error = err.wrap(why, name) } end

---Opens what is written as jobs end.
---@param options table of the batch
---@param where kavach.batch.where
---@param resumed boolean? earlier runs have written to it
---@return kavach.batch.exports?
---@return kavach.Error?
function M.open(options, where, resumed)
  local self = setmetatable({ options = options, where = where, resumed = resumed, files = {} },
    Exports)
  for _, name in ipairs(AS_THEY_END) do
    local path = options[name]
    local file, why
    if path then
      file, why = require("kavach.batch.report." .. name).open(path,
        { append = resumed, folder = where.out })
      if not file then
        self:close()
        return nil, err.wrap(why, name)
      end
      self.files[#self.files + 1] = { name = name, writer = file }
    end
  end
  return self
end

---@param event table
function Exports:event(event)
  for _, file in ipairs(self.files) do
    local ok, why = file.writer:event(event)
    if not ok and why then file.failed = file.failed or why end
  end
end

-- A crash may have come between a commit and the folder of its results.
local function make_up_results(self, reader)
  local dir = self.resumed and self.options.results
  if not dir then return true end
  local made, why = require("kavach.batch.report.results").export(reader, dir,
    { folder = self.where.out, missing = true })
  return made, why
end

local function from_journal(self, failures)
  local function note(name, ok, why)
    if not ok then failures[#failures + 1] = wrapped(name, why) end
  end
  local reader <close>, unread = require("kavach.batch.journal").reader(self.where.db)
  if not reader then return note("journal", nil, unread) end
  note("results", make_up_results(self, reader))
  for _, each in ipairs(AT_THE_END) do
    local path = self.options[each[1]]
    if path then
      note(each[1], require("kavach.batch.report." .. each[2]).write(reader, path,
        { folder = self.where.out }))
    end
  end
end

---All jobs have ended: writes the rest.
---@return { option: string, error: kavach.Error }[] failures what could not be written
function Exports:finish()
  local failures, options = {}, self.options
  for _, file in ipairs(self.files) do
    local ok, why = file.writer:close()
    why = file.failed or not ok and why
    if why then failures[#failures + 1] = wrapped(file.name, why) end
  end
  self.files = {}
  if options.junit or options.report or self.resumed and options.results then
    from_journal(self, failures)
  end
  return failures
end

function Exports:close()
  for _, file in ipairs(self.files) do file.writer:close() end
  self.files = {}
end

Exports.__close = Exports.close

return M
