--- Standard input, output and error of `kavach run` while its command runs, and the terminal.

local core = require "kavach.core"
local stream = require "kavach.stream"
local task = require "kavach.task"

local M = {}

local SIGWINCH <const> = 28
local DEFAULT_ROWS <const>, DEFAULT_COLUMNS <const> = 24, 80
local CAPTURE <const> = 1024 * 1024
-- How long a reader of our output may take for the rest, once the command was ended by force.
local DRAIN_MS <const> = 1000

local Flows = {}
Flows.__index = Flows

---@return { rows: integer, columns: integer }
function M.terminal_size()
  for fd = 0, 2 do
    local rows, columns = core.winsize(fd)
    if rows then return { rows = rows, columns = columns } end
  end
  return { rows = DEFAULT_ROWS, columns = DEFAULT_COLUMNS }
end

-- ---- out ---------------------------------------------------------------------------------------

-- Writes what comes to a descriptor of ours, up to the cap; returns why that failed, if it did.
local function copy(from, to, cap)
  local room = cap or math.huge
  while true do
    local bytes = from:read()
    if not bytes then return end
    if #bytes > room then bytes = bytes:sub(1, room) end
    room = room - #bytes
    local ok, why = to:write(bytes)
    if not ok then return why end
    if room == 0 then return from:discard() end
  end
end

local function pump_out(session)
  local running = session.running
  local out, why = stream.stdout()
  if out then
    why = copy(running.stdout, out, session.settings.max_output)
  elseif not running.stdout:read() then
    return -- there is nowhere to write to, but nothing to write either
  end
  if not why then return end
  -- Nobody will see the rest, so there is no point in making it.
  if tostring(why):find("Broken pipe", 1, true) then
    session.broken_pipe = true
  else
    session.failure = why
  end
  running.stdout:discard()
  running:kill()
end

local function pump_err(session)
  local running = session.running
  local out = stream.stderr()
  if not out or copy(running.stderr, out, session.settings.max_output) then
    running.stderr:discard()
  end
end

-- ---- in ----------------------------------------------------------------------------------------

-- From when the command runs, keys go to it as they are, Ctrl-C too.
local function take_terminal(self, session)
  if not session.settings.tty or not core.isatty(0) then return end
  self.raw = core.raw_mode(0)
  self.resized = core.signal(SIGWINCH, function()
    local size = M.terminal_size()
    session.running:resize(size.rows, size.columns)
  end)
end

local function pump_in(self, session)
  local running = session.running
  -- Not before it runs: what a boot that fails has eaten is lost to whoever reads it next.
  if not running:wait_started() then return end
  session:step "the command has started"
  take_terminal(self, session)
  local input = stream.stdin()
  while input do
    local bytes, why = input:read()
    if why then
      require("kavach.cli").complain(session.settings.program .. ": " .. tostring(why))
    end
    if not bytes or not running:write(bytes) then break end
  end
  running:close_stdin()
end

-- ---- together ----------------------------------------------------------------------------------

---Starts to copy. With `--json` output is kept instead.
---@param session table
function M.open(session)
  local self = setmetatable({ session = session, outs = {} }, Flows)
  local running, settings = session.running, session.settings
  session.flows = self
  if settings.json then
    running.stdout:collect(settings.max_output or CAPTURE)
    running.stderr:collect(settings.max_output or CAPTURE)
  else
    self.outs = { task.spawn(pump_out, session), task.spawn(pump_err, session) }
  end
  self.input = task.spawn(pump_in, self, session)
  return self
end

---Waits until all is written. One that was ended by force does not wait for ever for its readers.
---@param forced boolean
function Flows:drain(forced)
  self.input:cancel()
  local _ <close> = forced and core.timer(DRAIN_MS, function() self:cancel() end) or nil
  for _, pump in ipairs(self.outs) do pump:await() end
end

---Stops to copy, at once.
function Flows:cancel()
  self.input:cancel()
  for _, pump in ipairs(self.outs) do pump:cancel() end
end

function Flows:__close()
  self:cancel()
  if self.resized then self.resized:close() end
  if self.raw then self.raw:close() end
end

return M
