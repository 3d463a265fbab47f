-- What is known of an attempt, as a row and as a table.

local schema = require "kavach.batch.journal.schema"
local spec = require "kavach.batch.spec"

local record = {}

---Outputs that are larger are files, beside the journal.
record.TEXT_MAX = 64 * 1024

-- Those of a row that are a result's as they are.
local PLAIN <const> = {
  "exit_code", "signal", "timed_out", "oom_killed", "duration_ms", "cpu_ms", "max_rss_kb",
  "boot_ms", "backend", "reason", "slot",
}
local OUTPUT <const> = { "bytes", "path", "truncated", "digest" }
local STREAMS <const> = { "stdout", "stderr" }
local COLUMNS <const> = {} -- of each stream: { bytes = "stdout_bytes", … }
for _, stream in ipairs(STREAMS) do
  COLUMNS[stream] = {}
  for _, part in ipairs(OUTPUT) do COLUMNS[stream][part] = stream .. "_" .. part end
end
local FLAGS <const> = { "timed_out", "oom_killed" }

---The statement that ends an attempt; its parameters are what `record.values` gives.
---@return string
function record.update()
  local sets = { "state = ?", "committed_ns = ?", "started_ns = coalesce(?, started_ns)",
    "ended_ns = ?", "files = ?" }
  for _, name in ipairs(PLAIN) do sets[#sets + 1] = name .. " = ?" end
  for _, stream in ipairs(STREAMS) do
    for _, part in ipairs(OUTPUT) do sets[#sets + 1] = COLUMNS[stream][part] .. " = ?" end
  end
  return ("UPDATE attempt SET %s WHERE key = ? AND epoch = ? AND committed_ns IS NULL")
    :format(table.concat(sets, ", "))
end

local NO_OUTPUT <const> = {}

---@param r table a record, as journal:finish takes it
---@param files string? JSON
function record.values(r, state, time_ns, files, key, epoch)
  local out, errors = r.stdout or NO_OUTPUT, r.stderr or NO_OUTPUT
  return state, time_ns, r.started_ns, r.ended_ns, files,
    r.exit_code, r.signal, r.timed_out, r.oom_killed, r.duration_ms, r.cpu_ms, r.max_rss_kb,
    r.boot_ms, r.backend, r.reason, r.slot,
    out.bytes, out.path, out.truncated, out.digest,
    errors.bytes, errors.path, errors.truncated, errors.digest, key, epoch
end

-- ---- back --------------------------------------------------------------------------------------

---One stream's of a row; nil if there is none.
---@param row table
---@param stream "stdout"|"stderr"
---@param with_text boolean?
---@return table?
function record.decode_output(row, stream, with_text)
  local columns = COLUMNS[stream]
  local bytes, path, text = row[columns.bytes], row[columns.path], nil
  if bytes == nil then return nil end
  if with_text and not path then text = row.text or "" end
  return {
    bytes = bytes, path = path, text = text, digest = row[columns.digest],
    truncated = row[columns.truncated] == 1,
  }
end

---@param row table of `attempt`, with its job's id
---@return table
function record.decode(row)
  row.seq, row.number = schema.of_key(row.key)
  for _, stream in ipairs(STREAMS) do
    row[stream] = record.decode_output(row, stream)
    for _, column in next, COLUMNS[stream] do row[column] = nil end
  end
  for _, name in ipairs(FLAGS) do
    if row[name] ~= nil then row[name] = row[name] == 1 end
  end
  if row.files then
    local files, why = spec.of(row.files)
    if files == nil then error(why, 0) end
    row.files = files
  end
  row.key = nil
  return row
end

return record
