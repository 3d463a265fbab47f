-- The proof: a job that runs.

local core = require "kavach.core"
local err = require "kavach.err"
local row = require "kavach.doctor.row"

local M = {}

local BOOT_MS <const> = 60000

local function run(backend)
  local box <close>, why = require("kavach.sandbox").new {
    backend = backend, memory_limit_mb = 256, boot_timeout_ms = BOOT_MS,
  }
  if not box then return nil, why end
  local result
  result, why = box:exec({ "echo", "proof" }, { timeout_ms = BOOT_MS })
  if not result then return nil, why end
  if result.stdout ~= "proof\n" then
    return err.fail("exec_failed", ("echo gave exit code %d and %q"):format(result.exit_code,
      result.stdout:sub(1, 80)))
  end
  return box.vm.agent.version, box.vm.boot_ms
end

---@param seen kavach.doctor.seen
function M.probe(seen)
  local backend = seen.backend or seen.wanted
  local started = core.now()
  local version, boot = run(backend)
  if not version then
    return row.missing(("%s: no job runs: %s"):format(backend, tostring(boot)),
      { advice = "see what is missing above" })
  end
  return row.ok(("%s: a job ran: boot %d ms, all of it %d ms; agent %s"):format(backend, boot,
    core.now() - started, version))
end

return M
