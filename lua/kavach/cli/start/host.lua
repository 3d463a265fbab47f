--- A host with one sandbox, which others reach over the control socket: it ends with the sandbox.

local control = require "kavach.sandbox.control"
local core = require "kavach.core"
local err = require "kavach.err"
local log = require "kavach.sandbox.control.log"
local sandbox = require "kavach.sandbox"
local task = require "kavach.task"

local M = {}

local SIGHUP <const>, SIGINT <const>, SIGTERM <const> = 1, 2, 15
local LOG_MOST <const> = 1024 * 1024
-- How long clients may take to read the last answers.
local FAREWELL_MS <const> = 2000

---@class kavach.start.host
---@field box? kavach.Sandbox
---@field over kavach.Event why it is to end: a text, or nothing if the VM has
local Host = {}
Host.__index = Host

---@param settings kavach.start.settings
---@return kavach.start.host
function M.new(settings)
  return setmetatable({ settings = settings, over = task.event(), started = core.now() }, Host)
end

---Ends it: at once while it boots, else as gently as the guest's power-off is.
---@param why string
function Host:give_up(why)
  self.over:set(why)
  if self.box and not self.ready then self.box:give_up(err.new("cancelled", why)) end
end

local function catch_signals(self)
  local list = {}
  for i, number in ipairs { SIGHUP, SIGINT, SIGTERM } do
    list[i] = core.signal(number, function()
      -- Who asks twice does not want to wait for the guest.
      if self.over:is_set() and self.ready then return self.box.vm:kill() end
      self:give_up("ended by signal " .. number)
    end)
  end
  return setmetatable(list, { __close = function(handles)
    for _, handle in ipairs(handles) do handle:close() end
  end })
end

-- ---- the command -------------------------------------------------------------------------------

local function keep(from, into)
  while true do
    local bytes = from:read()
    if not bytes then return end
    into:append(bytes)
  end
end

-- Starts the command; what it prints goes into the sandbox's log.
local function start(self)
  local settings, box = self.settings, self.box
  if not settings.command then return true end
  local running, why = box:start(settings.command, settings.exec)
  if not running then return nil, why end
  running:close_stdin()
  local ok
  ok, why = running:wait_started()
  if not ok then return nil, why end
  local into = log.new(LOG_MOST)
  box.log = into
  local output, errors = task.spawn(keep, running.stdout, into), task.spawn(keep, running.stderr,
    into)
  task.spawn(function()
    output:await()
    errors:await()
    running:wait()
    into:finish()
  end)
  return true
end

-- ---- its life ----------------------------------------------------------------------------------

local function boot(self)
  local ok, why = control.listen { serves = true }
  if not ok then return nil, why end
  local box
  box, why = sandbox.launch(self.settings.sandbox, {
    on_box = function(fresh)
      self.box = fresh
      if self.over:is_set() then fresh:give_up(err.new("cancelled", self.over:wait())) end
    end,
  })
  if not box then return nil, why end
  box.vm.changed:watch(function()
    if box.vm.buried then self.over:set() end
  end)
  ok, why = box:wait_ready()
  if ok then ok, why = start(self) end
  if not ok then return nil, why end
  self.ready = true
  return true
end

-- Waits for its end, and brings it about. An error if that was not asked for.
local function live(self)
  local box, ttl = self.box, self.settings.ttl_ms
  local _ <close> = ttl and core.timer(ttl, function()
    self:give_up "its time to live is over"
  end) or nil
  if self.over:wait() and box:state() ~= "stopped" then
    return box:stop(self.settings.grace_ms)
  end
  -- Stopped by somebody who asked for it, there is no cause.
  local cause = box.vm.cause
  return cause == nil, cause
end

---Boots the sandbox, and stays until it is stopped or dies.
---@param on_ready fun(box: kavach.Sandbox)
---@return boolean? true
---@return kavach.Error?
function Host:run(on_ready)
  local handlers <close> = catch_signals(self) -- luacheck: ignore 211
  local ok, why = boot(self)
  if ok then
    on_ready(self.box)
    ok, why = live(self)
  end
  if self.box then
    local gone, trouble = self.box:destroy()
    if ok and not gone then ok, why = nil, trouble end
    self.kept = self.box.vm and self.box.vm.kept
  end
  control.close(FAREWELL_MS)
  if ok then return true end
  return nil, why
end

return M
