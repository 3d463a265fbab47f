--- Bytes that may be anything, as fields of a JSON document.

local json = require "kavach.json"
local result = require "kavach.sandbox.result"

local M = {}

local null <const> = json.null

--- Puts text under a name: as it is if it is UTF-8; else with escapes, for people, and exactly as
--- NAME_base64.
---@param document table
---@param name string
---@param text? string nil: null
---@return table document
function M.put(document, name, text)
  if text == nil then
    document[name] = null
  elseif utf8.len(text) then
    document[name] = text
  else
    document[name] = require("kavach.plain").text(text)
    document[name .. "_base64"] = require("kavach.sandbox.base64").encode(text)
  end
  return document
end

--- Puts a captured output there: NAME with NAME_encoding, or NAME_path if it is in a file.
---@param document table
---@param name "stdout"|"stderr"
---@param output? table { bytes, text | path, truncated, digest }
function M.put_output(document, name, output)
  output = output or {}
  if output.text then
    document[name], document[name .. "_encoding"] =
      result.encoded(output.text)
  else
    document[name], document[name .. "_encoding"] = null, null
  end
  M.put(document, name .. "_path", output.path)
  document[name .. "_bytes"] = output.bytes or null
  document[name .. "_truncated"] = output.truncated or false
  document[name .. "_digest"] = output.digest or null
end

-- What a record of an attempt has beside its outputs.
local FIELDS <const> = {
  "exit_code", "signal", "duration_ms", "cpu_ms", "max_rss_kb", "boot_ms", "backend",
}

--- Puts there what became of an attempt: every field, those without a value as null.
---@param document table
---@param record? table
function M.put_result(document, record)
  record = record or {}
  for _, name in ipairs(FIELDS) do
    local value = record[name]
    document[name] = value == nil and null or value
  end
  document.timed_out, document.oom_killed = record.timed_out or false, record.oom_killed or false
  M.put_output(document, "stdout", record.stdout)
  M.put_output(document, "stderr", record.stderr)
  document.files = record.files and json.array(record.files) or null
end

--- A snapshot of a runner, as a document.
---@param snapshot table
---@return table
function M.snapshot(snapshot)
  local document, running = {}, json.array()
  for key, value in next, snapshot do document[key] = value end
  for i, job in ipairs(snapshot.running or {}) do
    running[i] = { slot = job.slot or json.null, age_ms = job.age_ms, attempt = job.attempt }
    M.put(running[i], "job", job.job)
    M.put(running[i], "last_line", job.last_line)
  end
  document.running = running
  document.paused, document.draining = snapshot.paused or false, snapshot.draining or false
  if not snapshot.counts.total then
    document.counts = {}
    for key, value in next, snapshot.counts do document.counts[key] = value end
    document.counts.total = json.null
  end
  return document
end

return M
