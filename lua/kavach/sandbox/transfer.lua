-- What else the agent does on a channel: the set-up, and single files in and out of the guest.

local core = require "kavach.core"
local err = require "kavach.err"
local explain = require "kavach.sandbox.errno"
local flow = require "kavach.sandbox.flow"
local waiters = require "kavach.sandbox.waiters"
local wire = require "kavach.sandbox.wire"

local transfer = {}

-- Linux takes no longer one (PATH_MAX, with its NUL), and the wire none of 8 KiB: to send one would
-- be to break the wire's rules, which ends the guest.
local PATH_MOST <const> = 4095
local SHOWN <const> = 100

local TOO_LARGE <const> = "more than %d bytes: max_bytes allows more"

---What is wrong with a path in the guest, if anything is.
---@param op string
---@param path string
---@return kavach.Error?
function transfer.unusable(op, path)
  local why = path:find("\0", 1, true) and "has a NUL in it"
    or path:sub(1, 1) ~= "/" and ("is not absolute: %q"):format(path:sub(1, SHOWN))
    or #path > PATH_MOST and ("is longer than %d bytes"):format(PATH_MOST)
  if not why then return nil end
  return err.new("invalid_argument", ("%s: the path in the guest %s"):format(op, why), { op = op })
end

-- A channel that ends with DONE or FAILED. `what` says what was asked for.
local request = {}
request.__index = request

local function open(agent, what)
  local self = setmetatable({ agent = agent, what = what, changed = waiters.new() }, request)
  self.number = agent:open(self)
  return self
end

local function finish(self, cause)
  self.over, self.cause = true, cause
  if self.inflow then self.inflow:finish(cause) end
  if self.outflow then self.outflow:finish(cause) end
  if self.pipe then self.pipe:close() end -- who waits for more of it waits in vain
  self.changed:wake()
  if self.on_over then self.on_over(cause) end
end

function request:finish(cause) finish(self, cause) end

function request:send(kind, payload)
  if not self.over then self.agent:send(kind, self.number, payload) end
end

function request:receive(kind, payload)
  if kind == wire.DONE then
    self.mode, self.bytes = wire.parse_done(payload)
    self.agent:ended(self.number)
    finish(self)
  elseif kind == wire.FAILED then
    local errno, said = wire.parse_failed(payload)
    if not errno then return said end
    self.agent:ended(self.number)
    finish(self, err.new("io", explain(self.what, errno, said), { errno = errno }))
  elseif kind == wire.STDOUT and self.inflow then
    if not self.inflow:receive(payload) then return "more of a file than it had credit for" end
  elseif kind == wire.CREDIT and self.outflow then
    local stream, bytes = wire.parse_credit(payload)
    if stream ~= wire.STREAM_STDIN then return "credit for a stream that is not there" end
    self.outflow:allow(bytes)
  else
    return ("a frame of type %d for %s"):format(kind, self.what)
  end
end

-- Calls off what is not over.
function request:__close()
  self:send(wire.KILL)
  if self.inflow then self.inflow:discard() end
end

-- Waits for the end: true, or nil and why.
local function wait(self)
  self.changed:until_true(function() return self.over end)
  if self.cause then return nil, self.cause end
  return true
end

---Asks for a step of the set-up and does not wait for it; on_over(cause) tells what became of it.
---@param agent kavach.agent
---@param step kavach.setup.step
---@param on_over fun(cause?: kavach.Error)
function transfer.step(agent, step, on_over)
  local self = open(agent, step.what)
  self.on_over = on_over
  self:send(step.kind, step.payload)
end

---The permission bits of a host's file, as far as they can be known.
---@param path string
---@return integer
function transfer.mode_of(path)
  local ok, lfs = pcall(require, "lfs")
  local text = ok and lfs.attributes(path, "permissions")
  if not text then return 420 end -- 0644
  local mode = 0
  for i = 1, 9 do
    mode = mode << 1 | (text:sub(i, i) ~= "-" and 1 or 0)
  end
  return mode
end

---Copies a file of the host into the guest.
---@param agent kavach.agent
---@param source string
---@param target string absolute path in the guest
---@param max_bytes integer
---@return boolean? true
---@return kavach.Error?
function transfer.put(agent, source, target, max_bytes)
  local file <close>, why = require("kavach.file").source(source)
  if not file then return err.fail("io", "put: " .. why, { path = source }) end
  if agent.lost then return nil, agent.lost end
  local self <close> = open(agent, ("put: %s in the guest"):format(target))
  self.outflow = flow.outflow(function(bytes) self:send(wire.STDIN, bytes) end, wire.PUT_WINDOW)
  self.pipe = not io.type(file) and file or nil
  self:send(wire.PUT, string.pack("<I4z", transfer.mode_of(source), target))
  local left = max_bytes
  local unreadable
  while true do
    local bytes
    bytes, unreadable = file:read(wire.DATA_MAX)
    if not bytes then break end
    left = left - #bytes
    if left < 0 then
      unreadable = TOO_LARGE:format(max_bytes)
      break
    end
    -- A target that cannot be written fails here, with the guest's reason.
    if not self.outflow:write(bytes) then break end
  end
  if unreadable and not self.over then
    return err.fail("io", ("put: %s: %s"):format(source, unreadable), { path = source })
  end
  self.outflow:close()
  return wait(self)
end

-- Takes what comes into the file; false and why if the host cannot keep it.
local function receive(self, file, path, max_bytes)
  local left = max_bytes
  while true do
    local bytes = self.inflow:read()
    if not bytes then return wait(self) end
    left = left - #bytes
    if left < 0 then return err.fail("io", self.what .. ": " .. TOO_LARGE:format(max_bytes)) end
    local ok, why = file:write(bytes)
    if not ok then return err.fail("io", ("get: %s: %s"):format(path, why), { path = path }) end
  end
end

---The name of what is not whole yet, beside what it will be. Nobody else has it.
---@param path string
---@return string
function transfer.partial(path)
  return ("%s.partial-%x"):format(path, core.hrtime())
end

---Copies a file of the guest to the host. The target appears when it is whole.
---@param agent kavach.agent
---@param source string absolute path in the guest
---@param target string
---@param max_bytes integer
---@return boolean? true
---@return kavach.Error?
function transfer.get(agent, source, target, max_bytes)
  if agent.lost then return nil, agent.lost end
  local partial = transfer.partial(target)
  local file <close>, why = io.open(partial, "wb")
  if not file then return err.fail("io", "get: " .. why, { path = target }) end
  local whole = false
  local _ <close> = setmetatable({}, { __close = function()
    if not whole then os.remove(partial) end
  end })
  local self <close> = open(agent, ("get: %s in the guest"):format(source))
  self.inflow = flow.inflow(function(bytes)
    self:send(wire.CREDIT, string.pack("<I4I4", wire.STREAM_STDOUT, bytes))
  end)
  self:send(wire.GET, string.pack("<I4z", flow.WINDOW, source))
  local ok, cause = receive(self, file, target, max_bytes)
  if not ok then return nil, cause end
  ok, why = file:close()
  if ok then ok, why = os.rename(partial, target) end
  if not ok then return err.fail("io", ("get: %s: %s"):format(target, why), { path = target }) end
  whole = true
  return true
end

return transfer
