-- The transport "measured": the command stands in the guest's initramfs, which an SEV-SNP launch
-- measures, and the agent runs that command and no other (core/guest/wire.h). Equal options make
-- equal bytes, so that whoever verifies a report can make the initramfs again.

local config = require "kavach.sandbox.config"
local core = require "kavach.core"
local err = require "kavach.err"
local wire = require "kavach.sandbox.wire"

local M = {}

M.FILE = "etc/kavach/command"

-- ---- the command as the agent compares it -------------------------------------------------------

---@class kavach.measured.spec
---@field argv string[]
---@field shell boolean argv[1] is a line for /bin/sh
---@field env string[]
---@field cwd? string
---@field user? string

---@param spec kavach.measured.spec
---@return string? payload
---@return string? why
function M.payload(spec)
  return wire.exec {
    flags = spec.shell and wire.SHELL or 0, stdout_credit = 0, stderr_credit = 0,
    cwd = spec.cwd, user = spec.user, argv = spec.argv, env = spec.env,
  }
end

---The command of checked options.
---@param given { command: string|string[], cwd: string?, user: string?, env: table? }
---@param sandbox_env table
---@return string? payload
---@return string? why
function M.payload_of(given, sandbox_env)
  local command = given.command
  return M.payload {
    argv = type(command) == "string" and { command } or command, shell = type(command) == "string",
    env = config.env_list(sandbox_env, given.env), cwd = given.cwd, user = given.user,
  }
end

---Why a sandbox with a measured command does not run this one, if so.
---@param payload string the measured one
---@param spec kavach.measured.spec
---@return kavach.Error?
function M.refusal(payload, spec)
  if M.payload(spec) == payload then return nil end
  return err.new("policy_violation", "exec: this sandbox runs only its measured command, and this "
    .. "is another (it must not differ in words, environment, cwd or user)", { op = "exec" })
end

-- ---- the archive ------------------------------------------------------------------------------

local FOLDER <const>, READABLE <const> = 0x41ed, 0x8124 -- S_IFDIR | 0755, S_IFREG | 0444
local ALIGNED <const> = 4

local function padding(size) return ("\0"):rep(-size % ALIGNED) end

-- A file of cpio's format "newc": Documentation/driver-api/early-userspace/buffer-format.rst of the
-- kernel. Owner, time and device are 0.
local function entry(number, name, mode, bytes)
  local links = mode == FOLDER and 2 or 1
  local fields = { number, mode, 0, 0, links, 0, #bytes, 0, 0, 0, 0, #name + 1, 0 }
  for i, field in ipairs(fields) do fields[i] = ("%08X"):format(field) end
  local head = "070701" .. table.concat(fields) .. name .. "\0"
  return head .. padding(#head) .. bytes .. padding(#bytes)
end

---What stands behind an initramfs of `size` bytes to give it the command: the kernel unpacks
---archives one after the other, each from an aligned place on.
---@param payload string
---@param size integer
---@return string
function M.archive(payload, size)
  return table.concat {
    padding(size), entry(1, "etc", FOLDER, ""), entry(2, "etc/kavach", FOLDER, ""),
    entry(3, M.FILE, READABLE, payload), entry(0, "TRAILER!!!", 0, ""),
  }
end

local function read(path)
  local file <close>, why = core.file_open(path)
  local bytes
  if file then bytes, why = file:read "a" end
  if bytes then return bytes end
  return err.fail("creation_failed", "the guest's initramfs: " .. tostring(why), { path = path })
end

---The initramfs with the command in it.
---@param path string of the one without
---@param payload string
---@return string? bytes
---@return kavach.Error?
function M.with_command(path, payload)
  local bytes, why = read(path)
  if not bytes then return nil, why end
  return bytes .. M.archive(payload, #bytes)
end

---Writes it to a file.
---@param from string
---@param payload string
---@param to string
---@return boolean? true
---@return kavach.Error?
function M.write(from, payload, to)
  local bytes, why = M.with_command(from, payload)
  if not bytes then return nil, why end
  local file
  file, why = io.open(to, "wb")
  local ok = file
  if file then
    ok, why = file:write(bytes)
    local closed, unwritten = file:close()
    if ok and not closed then ok, why = nil, unwritten end
  end
  if ok then return true end
  return err.fail("creation_failed", "the measured initramfs: " .. tostring(why), { path = to })
end

---The initramfs of a guest whose command is measured, as its bytes, for whoever computes the launch
---digest (kavach.measure). Options: `command`, `cwd`, `user`, `env` as the sandbox has them, and
---`initrd` (the initramfs without it; kavach's own by default).
---@param options table
---@return string? bytes
---@return kavach.Error?
function M.initrd(options)
  local given = {}
  for key, value in next, options do given[key] = key ~= "initrd" and value or nil end
  local checked, why = config.check(
    { transport = "measured", measured = given, initrd = options.initrd }, 2)
  if not checked then return nil, why end
  local files = require("kavach.sandbox.image").find(checked)
  return M.with_command(files.initrd, checked.measured.payload)
end

return M
