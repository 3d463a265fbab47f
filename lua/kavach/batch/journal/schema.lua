-- What is in a journal, and how one of an older version becomes one of this.
--
--   about    one row: whose it is
--   run      each process that worked on it, by its epoch; only the newest may write
--   job      by `seq`, the order in which they were added. `attempts`: the number of the last one
--            that has ended; `failures`: how many of them count against its retries
--   attempt  by `seq << 16 | number`. It is live until it is committed (`committed_ns`), and its
--            number is its job's `attempts + 1` then: so a job has one live attempt at most. To
--            claim or start one changes nothing in its job, which runs from its start on
--   output   small ones, by the attempt's key, twice, and 1 for the standard error
--   input    what was read of the batch's standard input, in pieces; an empty one at its end
--
-- Columns without a type keep what they are given: ids are any bytes.

local schema = {}

---The number that SQLite keeps for such files: "kvbj".
schema.APPLICATION_ID = 0x6b76626a
---The highest number of an attempt.
schema.NUMBER_BITS = 16
schema.NUMBER_MAX = (1 << schema.NUMBER_BITS) - 1

---What makes a journal of version N of one of version N - 1; the first, of an empty file.
---@type string[][]
schema.steps = {
  {
    [[CREATE TABLE about (
      name, uuid, form, source TEXT NOT NULL, created_ns INTEGER NOT NULL, tried_ns INTEGER)]],
    [[CREATE TABLE run (
      epoch INTEGER PRIMARY KEY, pid, start, boot_id, supervisor_pid, supervisor_start, jobs,
      began_ns INTEGER NOT NULL, ended_ns INTEGER, ending)]],
    [[CREATE TABLE job (
      seq INTEGER PRIMARY KEY, id NOT NULL UNIQUE, tag, priority, state TEXT NOT NULL,
      attempts INTEGER NOT NULL DEFAULT 0, failures INTEGER NOT NULL DEFAULT 0,
      epoch INTEGER NOT NULL, changed_ns INTEGER NOT NULL, reason, spec)]],
    [[CREATE TABLE attempt (
      key INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, state TEXT NOT NULL, slot, pid, pid_start,
      claimed_ns INTEGER NOT NULL, started_ns INTEGER, ended_ns INTEGER, committed_ns INTEGER,
      exit_code, signal, timed_out, oom_killed, duration_ms, cpu_ms, max_rss_kb, boot_ms, backend,
      reason, stdout_bytes, stdout_path, stdout_truncated, stdout_digest,
      stderr_bytes, stderr_path, stderr_truncated, stderr_digest, files)]],
    [[CREATE INDEX live ON attempt (epoch) WHERE committed_ns IS NULL]],
    [[CREATE TABLE output (key INTEGER PRIMARY KEY, text NOT NULL)]],
    [[CREATE TABLE input (number INTEGER PRIMARY KEY, bytes NOT NULL)]],
    ("PRAGMA application_id = %d"):format(schema.APPLICATION_ID),
  },
}

---The version that this kavach writes.
---@return integer
function schema.version() return #schema.steps end

---The statements that bring a journal up to date.
---@param version integer that it has; 0: an empty file
---@return string[]
function schema.from(version)
  local list = {}
  for step = version + 1, schema.version() do
    table.move(schema.steps[step], 1, #schema.steps[step], #list + 1, list)
  end
  list[#list + 1] = ("PRAGMA user_version = %d"):format(schema.version())
  return list
end

---@param seq integer
---@param number integer
---@return integer key of an attempt
function schema.key(seq, number) return seq << schema.NUMBER_BITS | number end

---@param key integer
---@return integer seq
---@return integer number
function schema.of_key(key) return key >> schema.NUMBER_BITS, key & schema.NUMBER_MAX end

return schema
