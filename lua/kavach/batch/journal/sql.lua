-- What a journal is told and asked in SQL. "one": a statement that must change, or give, one row,
-- without which nothing of its unit happens.

local record = require "kavach.batch.journal.record"

local sql = {}

sql.writes = {
  begin = { [[INSERT INTO run
      (pid, start, boot_id, supervisor_pid, supervisor_start, jobs, began_ns)
    VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING epoch]], "one" },
  newest = { "SELECT 1 FROM run WHERE epoch = ? AND epoch = (SELECT max(epoch) FROM run)", "one" },
  ending = { "UPDATE run SET ended_ns = ?, ending = ? WHERE epoch = ?", "one" },
  source = { "UPDATE about SET source = ?", "one" },
  probe = { "UPDATE about SET tried_ns = ?", "one" },

  -- A job that is there gets nothing new, but tells what it has.
  add = { [[INSERT INTO job (id, tag, priority, spec, state, epoch, changed_ns)
    VALUES (?, ?, ?, ?, 'waiting', ?, ?)
    ON CONFLICT (id) DO UPDATE SET id = id
    RETURNING seq, state, attempts, failures, epoch]], "one" },
  settle = { [[UPDATE job SET state = ?, reason = ?, changed_ns = ?,
      failures = CASE WHEN ? THEN 0 ELSE failures END
    WHERE seq = ? AND state <> 'done' AND NOT EXISTS (SELECT 1 FROM attempt
      WHERE key = (seq << 16 | attempts + 1) AND committed_ns IS NULL)]], "one" },

  claim = { [[INSERT OR IGNORE INTO attempt (key, epoch, state, slot, claimed_ns)
    SELECT ?, ?, 'claimed', ?, ? FROM job
    WHERE seq = ? AND attempts = ? - 1 AND state <> 'done']], "one" },
  started = { [[UPDATE attempt SET state = 'running', slot = coalesce(?, slot), pid = ?,
      pid_start = ?, started_ns = ?
    WHERE key = ? AND epoch = ? AND committed_ns IS NULL]] },
  release = { [[DELETE FROM attempt
    WHERE key = ? AND epoch = ? AND state = 'claimed' AND committed_ns IS NULL]], "one" },
  finish = { record.update(), "one" },
  finish_job = { [[UPDATE job SET state = ?, attempts = attempts + 1, failures = failures + ?,
      changed_ns = ?, reason = ?
    WHERE seq = ? AND attempts = ? - 1]], "one" },
  output = { "INSERT INTO output VALUES (?, ?)" },
  input = { "INSERT INTO input VALUES (?, ?)" },

  interrupt_jobs = { [[UPDATE job SET state = 'waiting', attempts = attempts + 1, changed_ns = ?
    WHERE seq IN (SELECT key >> 16 FROM attempt WHERE committed_ns IS NULL AND epoch < ?)]] },
  interrupt = { [[UPDATE attempt SET state = 'interrupted', committed_ns = ?
    WHERE committed_ns IS NULL AND epoch < ?]] },
}

sql.known = "SELECT seq, state, attempts, failures, epoch FROM job WHERE id = ?"

sql.input_count = [[
  SELECT count(*) AS count, coalesce(
    (SELECT length(bytes) = 0 FROM input ORDER BY number DESC LIMIT 1), 0) AS ended
  FROM input]]
sql.input = "SELECT bytes FROM input WHERE number = ?"

sql.interrupted = [[
  SELECT key, id, attempt.state AS state, pid, pid_start, slot, attempt.epoch AS epoch
  FROM attempt JOIN job ON seq = key >> 16 WHERE committed_ns IS NULL AND attempt.epoch < ?
  ORDER BY key]]

return sql
