-- The host's side: who may connect, and which methods there are.

local check = require "kavach.check"
local core = require "kavach.core"
local err = require "kavach.err"
local connection = require "kavach.sandbox.control.connection"
local frame = require "kavach.sandbox.control.frame"
local scheduler = require "kavach.task.scheduler"

local server = {}

local CONNECTIONS_MOST <const> = 64
local CALLS_MOST <const> = 256 -- of one connection, at once

local methods = {}
-- Of rooms above this one, loaded when they are first called.
local MODULES <const> = { prompt = "kavach.prompt.remote" }

---@class kavach.control.method
---@field params table what it takes, as kavach.check has it
---@field run fun(params: table, call: kavach.control.channel): table?, kavach.Error?

---Adds a method, or puts it in the place of another. It runs in a task of its own, which is
---cancelled when the client goes away or wants no more.
---@param name string
---@param method kavach.control.method
function server.register(name, method)
  if type(name) ~= "string" or type(method) ~= "table" or type(method.run) ~= "function" then
    error("control.register: a name and a table with params and run are needed", 2)
  end
  methods[name] = method
end

-- ---- calls -------------------------------------------------------------------------------------

local function unknown(name)
  local names = {}
  for known in next, methods do names[#names + 1] = known end
  local nearest = type(name) == "string" and check.nearest(name, names)
  return err.fail("invalid_argument", ("unknown method '%s'%s"):format(tostring(name),
    nearest and (" (did you mean '%s'?)"):format(nearest) or ""))
end

local function perform(call, message)
  if MODULES[message.method] then require(MODULES[message.method]) end
  local method = methods[message.method]
  if not method then return unknown(message.method) end
  local params, misuse = check.test(method.params or {}, message.params, message.method)
  if not params then return err.fail("invalid_argument", misuse) end
  return method.run(params, call)
end

-- What a method raises is misuse, or a fault of ours: it says where, which a client cannot use.
local function raised(e)
  if err.is(e) then return e end
  return err.new("invalid_argument", (tostring(e):gsub("^[^\n:]+:%d+: ", "")))
end

local function document(e)
  return { error = {
    kind = e.kind, message = e.message, op = e.op, errno = e.errno, is_program = e.is_program,
  } }
end

local function answer(call, result, why)
  local payload, trouble = frame.message(result and { result = result } or document(why))
  if not payload then payload = assert(frame.message(document(trouble))) end
  if call.over then return end
  for _, stream in ipairs { call.output, call.errors } do stream:close() end
  call:send(frame.DONE, payload)
  call.task = nil
  call:finish(err.new("io", "the call is over"))
  call.connection:forget(call)
end

local function on_call(call, message)
  local count = 0
  for _ in next, call.connection.channels do count = count + 1 end
  if count > CALLS_MOST then
    return answer(call, nil, err.new("io", ("more than %d calls at once"):format(CALLS_MOST)))
  end
  call.task = scheduler.background(function()
    local fine, result, why = pcall(perform, call, message)
    if not fine then result, why = nil, raised(result) end
    answer(call, result, why or err.new("io", "the method has no result"))
  end)
end

-- ---- connections -------------------------------------------------------------------------------

---@class kavach.control.server
local Server = {}
Server.__index = Server

---Serves whoever connects to a listening stream.
---@param listener userdata of kavach.core
---@param about? table what HELLO is to say of this host
---@return kavach.control.server
function server.new(listener, about)
  local hello = { kavach = core.version, pid = core.getpid() }
  for key, value in next, about or {} do hello[key] = value end
  return setmetatable({ listener = listener, hello = hello, connections = {}, count = 0 }, Server)
end

---Whether the stream's other end is of this user.
---@param stream userdata
---@return boolean
function server.trusts(stream)
  local pid, uid = stream:peer()
  return pid ~= nil and uid == core.geteuid()
end

---Takes a new connection, unless it is of somebody else.
---@param stream userdata
function Server:admit(stream)
  if not server.trusts(stream) or self.count >= CONNECTIONS_MOST then return stream:close() end
  stream:unref()
  self.count = self.count + 1
  local made
  made = connection.new(stream, {
    hello = self.hello,
    on_call = on_call,
    on_lost = function()
      self.count = self.count - 1
      if made then self.connections[made] = nil end
    end,
  })
  if not made.lost then self.connections[made] = true end
end

---Takes those who wait to be connected; the listener tells when there are more.
function Server:accept()
  while not self.listener:is_closed() do
    local stream, why = self.listener:try_accept()
    if stream == false then return end
    -- Out of descriptors, most likely: those who wait are served when there are some again.
    if not stream then return why end
    self:admit(stream)
  end
end

---Ends it, when the calls that are under way are answered and the answers are read, or after `ms`.
---@param ms integer
function Server:close(ms)
  self.listener:close()
  local deadline, list = core.now() + ms, {}
  for each in next, self.connections do list[#list + 1] = each end
  for _, each in ipairs(list) do
    each.changed:until_true(function()
      return each.lost or each.outbox.unsent == 0 and not next(each.channels)
    end, deadline)
    each:lose(err.new("io", "the host has ended"))
  end
end

return server
