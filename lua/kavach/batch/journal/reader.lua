-- What a journal tells: in any process, while it is written and after.
--
-- Lists come in pages, each of one moment, so that nothing is held open while somebody looks at a
-- row. What is damaged raises in the middle of a list: a short list would be taken for a whole one.

local fault = require "kavach.batch.journal.fault"
local file = require "kavach.batch.journal.file"
local json = require "kavach.json"
local record = require "kavach.batch.journal.record"
local schema = require "kavach.batch.journal.schema"
local spec = require "kavach.batch.spec"
local statements = require "kavach.batch.journal.sql"

---@class kavach.journal.reader
local Reader = {}
Reader.__index = Reader

local PAGE <const> = 512

local FINAL_OR_NOT <const> = { "waiting", "retry", "done", "failed", "skipped", "cancelled" }

-- A job's live attempt makes it running, once it has started: some are claimed ahead.
local LIVE <const> = "committed_ns IS NULL AND started_ns IS NOT NULL"

local JOBS <const> = [[
  SELECT seq, id, tag, CASE WHEN key IS NULL THEN job.state ELSE 'running' END AS state,
         attempts + (key IS NOT NULL) AS attempts, coalesce(started_ns, changed_ns) AS changed_ns,
         job.reason AS reason, %s
  FROM job LEFT JOIN attempt ON key = (seq << 16 | attempts + 1) AND ]] .. LIVE .. [[

  WHERE seq > ? %s ORDER BY seq LIMIT ]] .. PAGE

local ATTEMPTS <const> = [[
  SELECT attempt.*, job.id AS id FROM attempt JOIN job ON job.seq = key >> 16
  WHERE key > ? AND key <= ? ORDER BY key LIMIT ]] .. PAGE

local OUTPUT <const> = [[
  SELECT attempt.*, text FROM attempt LEFT JOIN output ON output.key = attempt.key * 2 + ?
  WHERE attempt.key BETWEEN ? AND ? AND %s_bytes IS NOT NULL
  ORDER BY attempt.key DESC LIMIT 1]]

-- ---- asking ------------------------------------------------------------------------------------

local function rows_of(self, sql, ...)
  local rows, message, kind = self.db:rows(sql, ...)
  if rows then return rows end
  return nil, fault.reading(message, kind)
end

-- An iterator over all rows, by pages: page(last) gives those behind it.
local function each(page, key, decode, limit)
  local rows, at, last, left = {}, 0, 0, limit or math.huge
  return function()
    if left <= 0 then return nil end
    at, left = at + 1, left - 1
    if at > #rows then
      if at > 1 and #rows < PAGE then return nil end
      local why
      rows, why = page(last)
      if not rows then error(why, 0) end
      at = 1
    end
    local row = rows[at]
    if not row then return nil end
    last = row[key]
    return decode(row)
  end
end

-- ---- what there is -----------------------------------------------------------------------------

---@return table? about { name, uuid, form, source, created_ns, version }
---@return kavach.Error?
function Reader:about()
  local rows, why = rows_of(self, "SELECT name, uuid, form, source, created_ns FROM about")
  if not rows then return nil, why end
  local about = rows[1]
  if not about then return fault.fail("io", "the journal is damaged", { corrupt = true }) end
  about.source, why = json.decode(about.source)
  if about.source == nil then return nil, why end
  about.version = self.version
  return about
end

---@return table[]? runs
---@return kavach.Error?
function Reader:runs()
  return rows_of(self, "SELECT * FROM run ORDER BY epoch")
end

---How many jobs are in each state, and `total`.
---@return table<string, integer>?
---@return kavach.Error?
function Reader:counts()
  local rows, why = rows_of(self, [[
    SELECT state, count(*) AS count, 0 AS live FROM job GROUP BY state
    UNION ALL
    SELECT job.state, count(*), 1 FROM attempt JOIN job ON seq = key >> 16
    WHERE ]] .. LIVE .. " GROUP BY job.state")
  if not rows then return nil, why end
  local counts = { total = 0, running = 0 }
  for _, state in ipairs(FINAL_OR_NOT) do counts[state] = 0 end
  for _, row in ipairs(rows) do
    if row.live == 0 then
      counts[row.state] = (counts[row.state] or 0) + row.count
      counts.total = counts.total + row.count
    else
      counts[row.state] = (counts[row.state] or 0) - row.count
      counts.running = counts.running + row.count
    end
  end
  return counts
end

local function decode_job(row)
  if row.spec then
    local decoded, why = spec.of(row.spec)
    if decoded == nil then error(why, 0) end
    row.spec = decoded
  end
  return row
end

---@class kavach.journal.filter
---@field state? string
---@field id? string
---@field limit? integer
---@field spec? boolean false: leave it out

---Jobs, in the order in which they were added.
---@param filter? kavach.journal.filter
---@return fun(): table? each { seq, id, tag, state, attempts, spec, changed_ns, reason }
function Reader:jobs(filter)
  filter = filter or {}
  local more, values = "", {}
  if filter.id then more, values = " AND id = ?", { filter.id } end
  if filter.state == "running" then
    more = more .. " AND seq IN (SELECT key >> 16 FROM attempt WHERE " .. LIVE .. ")"
  elseif filter.state then
    more = more .. " AND job.state = ? AND key IS NULL"
    values[#values + 1] = filter.state
  end
  local sql = JOBS:format(filter.spec == false and "NULL AS spec" or "spec", more)
  return each(function(last) return rows_of(self, sql, last, table.unpack(values)) end, "seq",
    decode_job, filter.limit)
end

---Attempts: of one job, or all, in the order of their jobs.
---@param seq? integer
---@return fun(): table?
function Reader:attempts(seq)
  local first, most = 0, math.maxinteger
  if seq then first, most = schema.key(seq, 0), schema.key(seq, schema.NUMBER_MAX) end
  return each(function(last) return rows_of(self, ATTEMPTS, math.max(last, first), most) end, "key",
    record.decode)
end

---What an attempt wrote; of the job's last one that has ended by itself, if there is no number.
---@param seq integer
---@param number? integer
---@param stream "stdout"|"stderr"
---@return table? output { text =|path =, bytes, truncated, digest }
---@return kavach.Error?
function Reader:output(seq, number, stream)
  if stream ~= "stdout" and stream ~= "stderr" then
    error(("output: there is no stream %q"):format(tostring(stream)), 2)
  end
  local rows, why = rows_of(self, OUTPUT:format(stream), stream == "stderr" and 1 or 0,
    schema.key(seq, number or 0), schema.key(seq, number or schema.NUMBER_MAX))
  if not rows then return nil, why end
  return rows[1] and record.decode_output(rows[1], stream, true) or nil
end

-- ---- standard input ----------------------------------------------------------------------------

---How many pieces of the batch's standard input there are, and whether that is all of it.
---@return integer? count
---@return boolean|kavach.Error ended
function Reader:input_count()
  local rows, why = rows_of(self, statements.input_count)
  if not rows then return nil, why end
  local count, ended = rows[1].count, rows[1].ended == 1
  return ended and count - 1 or count, ended
end

---@param number integer
---@return string? bytes
---@return kavach.Error?
function Reader:input(number)
  local rows, why = rows_of(self, statements.input, number)
  if not rows then return nil, why end
  if rows[1] then return rows[1].bytes end
  return fault.fail("io", "the journal is damaged: a piece of its input is missing",
    { corrupt = true })
end


function Reader:close() self.db:close() end

Reader.__close = Reader.close

local M = {}

---A reader on a file that is open.
---@param db userdata of kavach.store
---@return kavach.journal.reader
function M.over(db) return setmetatable({ db = db, version = schema.version() }, Reader) end

---Opens a journal to read it.
---@param path string
---@return kavach.journal.reader?
---@return kavach.Error?
function M.open(path)
  local db, version = file.reader(path)
  if not db then return nil, version end
  if version == schema.version() then
    return M.over(db)
  end
  db:close()
  return fault.fail("io", ("%s: its version is %d, of an older kavach; to resume it makes it one "
    .. "of version %d"):format(path, version, schema.version()), { older = version })
end

return M
