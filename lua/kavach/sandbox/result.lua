-- What became of a command: the ExecResult of the Lua API, and its JSON form.

local result = { VERSION = 1 }

---@class kavach.ExecResult
---@field version integer
---@field exit_code integer the command's own; 128 + signal if one ended it; -1 if the time was up
---@field signal integer? that ended it
---@field timed_out boolean
---@field oom_killed boolean the guest's kernel killed one of its processes for want of memory
---@field stdout string
---@field stderr string
---@field stdout_truncated boolean
---@field stderr_truncated boolean
---@field duration_ms integer without the boot
---@field boot_ms integer? of its sandbox
---@field cpu_ms integer
---@field max_rss_kb integer
---@field backend string
---@field confidential boolean

---@param exit kavach.wire.exit? nil if it was cut off
---@param fields table the rest, as above
---@return kavach.ExecResult
function result.new(exit, fields)
  fields.version = result.VERSION
  fields.timed_out = fields.timed_out or false
  fields.exit_code = (fields.timed_out or not exit) and -1 or exit.exit_code
  fields.signal = exit and exit.signal or nil
  fields.oom_killed = exit ~= nil and exit.oom_killed
  fields.cpu_ms = exit and exit.cpu_ms or 0
  fields.max_rss_kb = exit and exit.max_rss_kb or 0
  fields.confidential = fields.backend == "sev-snp"
  return fields
end

---What may stand in JSON: the text itself if it is UTF-8, else its base64.
---@param bytes string
---@return string text
---@return "utf-8"|"base64" encoding
function result.encoded(bytes)
  if utf8.len(bytes) then return bytes, "utf-8" end
  return require("kavach.sandbox.base64").encode(bytes), "base64"
end

---The JSON document of a result: every field of the schema, those without a value as null.
---@param r kavach.ExecResult
---@return table
function result.document(r)
  local json = require "kavach.json"
  local document = {}
  for key, value in next, r do document[key] = value end
  document.stdout, document.stdout_encoding = result.encoded(r.stdout)
  document.stderr, document.stderr_encoding = result.encoded(r.stderr)
  document.signal = r.signal or json.null
  document.boot_ms = r.boot_ms or json.null
  return document
end

return result
