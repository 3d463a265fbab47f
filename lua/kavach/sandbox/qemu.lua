-- The QEMU that a sandbox runs: found, opened once, and run by that descriptor ever after, so that
-- what was looked at is what runs.

local core = require "kavach.core"
local console = require "kavach.sandbox.console"
local err = require "kavach.err"

local qemu = {}

local ANSWER_MS <const> = 2000
local MOST_OUTPUT <const> = 256 * 1024

---@class kavach.qemu
---@field path string what it was found as
---@field program userdata the open file
---@field answer_ms? integer how long it may take to answer a question
---@field version? string once it was asked for

local function unavailable(message)
  return err.fail("backend_unavailable", message, { op = "sandbox" })
end

local function check_pin(found, wanted)
  local file <close>, why = io.open(found.program:path(), "rb")
  local bytes
  if file then bytes, why = file:read "a" end
  if not bytes then return unavailable(("%s: %s"):format(found.path, tostring(why))) end
  local snp = require "kavach.snp"
  local actual = snp.hex(snp.digest("sha256", bytes))
  if actual == wanted:lower() then return true end
  return unavailable(("QEMU is not the one that qemu_sha256 asks for: %s has the SHA-256 %s, "
    .. "not %s"):format(found.path, actual, wanted:lower()))
end

---Finds QEMU and opens it, and checks its digest if one is asked for.
---@param config { qemu_path: string?, qemu_sha256: string? }
---@return kavach.qemu?
---@return kavach.Error?
function qemu.find(config)
  local path, why, kind = core.qemu_find(config.qemu_path)
  if not path then return err.fail(kind or "backend_unavailable", why, { op = "sandbox" }) end
  local program
  program, why = core.program_open(path)
  if not program then return unavailable("cannot run QEMU: " .. why) end
  local found = { path = path, program = program }
  if config.qemu_sha256 then
    local ok, mismatch = check_pin(found, config.qemu_sha256)
    if not ok then return nil, mismatch end
  end
  return found
end

---What it would be looked for by, where there need not be any.
---@param config { qemu_path: string? }
---@return string
function qemu.name(config)
  local path = core.qemu_find(config.qemu_path)
  return path or config.qemu_path or os.getenv "KAVACH_QEMU" or "qemu-system-x86_64"
end

---Runs it with these words, and returns what it prints.
---@param found kavach.qemu
---@param ... string
---@return string? output nil if it does not answer
function qemu.ask(found, ...)
  local answer = require("kavach.process").exec({ found.path, ... }, {
    program = found.program, timeout_ms = found.answer_ms or ANSWER_MS, grace_ms = 0,
    max_output = MOST_OUTPUT,
    env = {},
  })
  return answer and not answer.timed_out and answer.stdout or nil
end

-- ---- how it wants SEV-SNP guests described -----------------------------------------------------

local function has_object(list, name)
  return ("\n" .. list .. "\n"):find("\n%s*" .. name:gsub("%-", "%%-") .. "%s*\n") ~= nil
end

---The dialect of a QEMU with these objects.
---@param objects string what it prints for `-object help`
---@return "upstream"|"seed"|nil
function qemu.dialect_of(objects)
  if not has_object(objects, "sev-snp-guest") then return nil end
  if has_object(objects, "memory-backend-memfd-private") then return "seed" end
  if has_object(objects, "memory-backend-memfd") then return "upstream" end
end

qemu.INSTALL_SNP_COMMAND = "sudo apt install -t bookworm-backports qemu-system-x86"
qemu.INSTALL_SNP = ("install QEMU 9.1 or later (on Debian 12: %s), or set KAVACH_QEMU to the path "
  .. "of one"):format(qemu.INSTALL_SNP_COMMAND)

---Asks it for its dialect.
---@param found kavach.qemu
---@return "upstream"|"seed"|nil dialect
---@return string? why there is none
function qemu.dialect(found)
  local objects = qemu.ask(found, "-object", "help")
  local dialect = objects and qemu.dialect_of(objects)
  if dialect then return dialect end
  local shown = console.printable(found.path)
  if not objects or objects == "" then
    return nil, ("%s does not answer -object help as QEMU does: is it QEMU?"):format(shown)
  end
  return nil, ("the QEMU %s has no SEV-SNP guests"):format(shown)
end

return qemu
