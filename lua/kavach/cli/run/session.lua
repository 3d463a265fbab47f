--- One command of `kavach run` or `exec`, from the boot to its exit code: what it prints goes out
--- as it comes, what is typed goes in, and signals reach it.

local core = require "kavach.core"
local err = require "kavach.err"
local sandbox = require "kavach.sandbox"
local exec = require "kavach.sandbox.exec"

local M = {}

local EXIT_TIMEOUT <const>, EXIT_FAILURE <const>, EXIT_PIPE <const> = 124, 125, 128 + 13
local EXIT_NOT_EXECUTABLE <const>, EXIT_NOT_FOUND <const> = 126, 127
local ENOENT <const> = 2

local function complain(session, message)
  require("kavach.cli").complain((session.settings.program or "run") .. ": " .. message)
end

-- ---- files in and out --------------------------------------------------------------------------

-- One copy, by put or get; the error names our option for the cap.
local function copy_one(session, way, copy)
  local box = session.box
  local ok, why = box[way](box, copy.source, copy.target, session.settings.copy)
  if not ok then why.message = why.message:gsub(": max_bytes allows", ": --max-copy allows") end
  return ok, why
end

local function put_all(session)
  for _, copy in ipairs(session.settings.put) do
    local ok, why = copy_one(session, "put", copy)
    if not ok then return nil, why end
  end
  return true
end

local function get_all(session)
  local failure
  for _, copy in ipairs(session.settings.get) do
    local ok, why = copy_one(session, "get", copy)
    if not ok then failure = failure or why end
  end
  return failure
end

-- ---- the command -------------------------------------------------------------------------------

local function start(session)
  local settings = session.settings
  local running, why = session.box:start(settings.command, {
    cwd = settings.exec.cwd, user = settings.exec.user, env = settings.exec.env,
    pty = settings.tty and require("kavach.cli.run.flow").terminal_size() or nil,
  })
  if not running then return nil, why end
  session.running = running
  if session.interrupted then running:kill() end
  return running
end

-- What is left of the time that boot, files and command have together; 0: no limit.
local function time_left(session)
  local whole = session.settings.timeout_ms
  return whole > 0 and math.max(whole - (core.now() - session.started), 1) or 0
end

-- Runs the command to its end. Returns its exit, or nil, whether the time was up, and else why.
local function conduct(session)
  if #session.settings.put > 0 then
    -- Copying cannot be ended with grace: when the time is up, so is the VM.
    local left = time_left(session)
    local _ <close> = left > 0 and core.timer(left, function()
      session.late = true
      session.box:give_up(err.new("timeout", "the time was up"))
    end) or nil
    local ok, why = put_all(session)
    if not ok then return nil, session.late or false, why end
  end
  local running, why = start(session)
  if not running then return nil, false, why end
  local flow = require("kavach.cli.run.flow")
  local flows <close> = flow.open(session)
  local exit, timed_out, cause = exec.wait_or_end(running, time_left(session),
    session.settings.grace_ms)
  session:step(exit and "the command has ended" or "the command is given up")
  -- Nothing more is wanted of the guest: it dies while its last words are written out.
  if #session.settings.get == 0 then session.box.vm:kill() end
  flows:drain(timed_out or not exit)
  return exit, timed_out, cause
end

-- ---- what became of it -------------------------------------------------------------------------

local function failure_code(why)
  if not why.is_program then return EXIT_FAILURE end
  return why.errno == ENOENT and EXIT_NOT_FOUND or EXIT_NOT_EXECUTABLE
end

local function print_document(document)
  local json = require "kavach.json"
  local text, why = json.encode(document)
  if text then text, why = io.stdout:write(text, "\n") end
  if text then text, why = io.stdout:flush() end
  if text then return true end
  return err.fail("io", "standard output: " .. tostring(why))
end

---A failure: told on standard error, and in the document if there is to be one.
---@param session { settings: { json: boolean, program?: string } }
---@param why kavach.Error
---@return integer? exit_code
---@return kavach.Error?
function M.fail(session, why)
  local code = failure_code(why)
  complain(session, require("kavach.sandbox.postmortem").report(why))
  if session.settings.json then
    local ok, trouble = print_document {
      version = 1, exit_code = code, error = { kind = why.kind, message = why.message },
    }
    if not ok then return nil, trouble end
  end
  return code
end

local function succeed(session, exit, timed_out)
  if timed_out then
    complain(session, ("the time was up (%d ms)"):format(session.settings.timeout_ms))
  end
  local result = exec.measure(session.box, session.running, session.started, exit, timed_out)
  if session.settings.json then
    local ok, why = print_document(require("kavach.sandbox.result").document(result))
    if not ok then return nil, why end
  elseif result.oom_killed then
    complain(session, "the guest ran out of memory and killed a process of the command")
  end
  return timed_out and EXIT_TIMEOUT or result.exit_code
end

local function conclude(session, exit, timed_out, cause)
  if session.interrupted and not exit then return 128 + session.interrupted end
  if session.broken_pipe then return EXIT_PIPE end
  if session.failure then return M.fail(session, session.failure) end
  if not exit and not timed_out then return M.fail(session, session.box:explained(cause)) end
  local trouble = not timed_out and get_all(session)
  if not session.running then -- the time was up before there was a command
    session.running = require("kavach.sandbox.command").none()
  end
  local code, why = succeed(session, exit, timed_out)
  if trouble then
    complain(session, tostring(trouble))
    if code == 0 then return EXIT_FAILURE end
  end
  return code, why
end

-- ---- all of it ---------------------------------------------------------------------------------

-- Why something in the guest could not reach what it wanted to.
local function tell_refused(session)
  for _, flow in ipairs(session.box.network and session.box.network:stats().refused or {}) do
    session:step("the network refused " .. flow)
  end
end

local function finish(session)
  tell_refused(session)
  local ok, why = session.box:destroy()
  session:step "QEMU is gone"
  if session.box.vm.kept then complain(session, "kept " .. session.box.vm.kept) end
  return ok, why
end

local Session = {}
Session.__index = Session

function Session:step(what)
  if not self.settings.verbose then return end
  -- The guest or QEMU may have had a word in it.
  what = require("kavach.plain").text(what)
  local ms = core.now() - self.started
  if self.settings.log_json then
    local json = require "kavach.json"
    io.stderr:write(assert(json.encode { level = "info", message = what, ms = ms }), "\n")
  else
    io.stderr:write(("kavach: %6d ms: %s\n"):format(ms, what))
  end
end

-- A fresh sandbox, which may take its time.
local function launch(session)
  local left = time_left(session)
  local _ <close> = left > 0 and core.timer(left, function()
    session.late = true
    if session.box then session.box:give_up(err.new("timeout", "the time was up")) end
  end) or nil
  return sandbox.launch(session.settings.sandbox, {
    on_step = function(what) session:step(what) end,
    on_box = function(box) session.box = box end,
  })
end

-- What becomes of a sandbox that did not start.
local function conclude_start(session, why)
  if session.interrupted then return 128 + session.interrupted end
  if not session.late or not session.box or not session.box.vm then return M.fail(session, why) end
  return conclude(session, nil, true)
end

---@param settings kavach.run.settings
---@param handlers table of the signals
---@param open? fun(session: table): table?, kavach.Error? gives the sandbox; left out: a fresh one
---@return integer? exit_code
---@return kavach.Error?
function M.run(settings, handlers, open)
  local session = setmetatable({ settings = settings, started = core.now() }, Session)
  handlers:attend(session)
  local box, why = (open or launch)(session)
  if not box then return conclude_start(session, why) end
  session.box = box
  local _ <close> = box
  if session.interrupted then return 128 + session.interrupted end
  local code
  if session.late then
    code, why = conclude(session, nil, true)
  else
    code, why = conclude(session, conduct(session))
  end
  handlers:settle()
  local ok, trouble = finish(session)
  if code and not ok then return nil, trouble end
  return code, why
end

return M
