--- Job tables as JSON Lines: on each line one, with the fields that batch:job takes but for
--- functions. Bytes that are not UTF-8 may be written as {"$base64": "…"}. Empty lines are skipped,
--- and a field that is null counts as left out.

local err = require "kavach.err"
local ids = require "kavach.batch.inputs.ids"
local json = require "kavach.json"
local records = require "kavach.batch.inputs.records"
local spec = require "kavach.batch.spec"

local M = {}

---@class kavach.batch.Jsonl
local Jsonl = {}
Jsonl.__index = Jsonl
Jsonl.__name = "kavach.batch.Jsonl"

local BOM <const> = "\xef\xbb\xbf"

local function read(line)
  local job, why = spec.of(line)
  if job == nil then return nil, (why.message:gsub("^json%.decode: ", "")) end
  if type(job) ~= "table" or rawget(job, 1) ~= nil then return nil, "it is not an object" end
  for key, value in next, job do
    if value == json.null then job[key] = nil end
  end
  return job
end

local function next_job(self)
  local line, why
  repeat
    line, why = self.records:next()
    if not line then return nil, why end
    if self.records.number == 1 and line:sub(1, 3) == BOM then line = line:sub(4) end
  until line:find "%S"
  local where = self.records:where()
  local job, message = read(line)
  if job then
    self.count = self.count + 1
    local before = type(job.id) == "string" and self.came_before(job.id, self.count)
    if not before then return job, where end
    message = ("its id is that of job %d: '%s'"):format(before, job.id:sub(1, 60))
  end
  return err.fail("invalid_argument", ("%s: %s"):format(where, message))
end

---The next job's table, and where it is from, for messages: "FILE:12"; nil at the end, or nil and
---an error, after which there is no other.
---@return table? spec
---@return string|kavach.Error|nil
function Jsonl:next()
  if self.over then return nil, self.failure end
  local job, where = next_job(self)
  if not job then
    self.over, self.failure = true, where
    self:close()
  end
  return job, where
end

function Jsonl:close() self.records:close() end

Jsonl.__close = Jsonl.close

---@param path string "-" is standard input
---@param stdin kavach.Stream? in place of it
---@return kavach.batch.Jsonl?
---@return kavach.Error?
function M.open(path, stdin)
  local lines, why = records.open({ path }, nil, stdin)
  if not lines then return nil, why end
  return setmetatable({ records = lines, count = 0, came_before = ids.once() }, Jsonl)
end

return M
