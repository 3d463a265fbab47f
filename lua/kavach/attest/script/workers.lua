--- The helper programs that run policies: core/rules/policy_worker_main.c. One has loaded one
--- policy, and waits for evidence. What one does is never trusted further than its answer: one that
--- dies, or takes too long, is replaced, and what it was evaluating is denied.

local core = require "kavach.core"
local err = require "kavach.err"
local process = require "kavach.process"
local rules = require "kavach.rules"
local task = require "kavach.task"
local view = require "kavach.attest.script.view"

local M = {}

local SIGKILL <const> = 9

--- An evaluation has so long by the clock, and so has loading, beyond what reading its data takes.
M.DEADLINE_MS = 500
local START_MS <const>, BYTES_A_MS <const> = 250, 20000

-- The kernel ends a worker after 10 s of processor time (core/rules/cell.h), in whichever
-- evaluation that is: one is replaced before, by what it has taken by the clock.
local SPENT_NS <const> = 5 * 1000000000

-- So many at a time, of one policy; so much evidence in one message.
local WORKERS <const>, BATCH <const> = 2, 32

local REPLY_MAX <const> = 256 << 20

-- The reply to a request of fewer bytes, which is one evaluation, is looked for so often before it
-- is waited for.
local SOON <const>, LOOKS <const>, LARGE <const> = 4096, 120, 65536

-- ---- one worker --------------------------------------------------------------------------------

local Worker = { __name = "kavach.attest.script.worker" }
Worker.__index = Worker

local function start(all)
  local started, why = process.start({ core.helper_dir() .. "/policy-worker" }, {
    stdin = "pipe", stdout = "pipe", stderr = "null", env = {}, cwd = "/",
  })
  if not started then return nil, why end
  return setmetatable({ process = started, spent = 0, idle = true, all = all }, Worker)
end

-- Whoever took it gives it back, whatever is raised meanwhile.
function Worker:__close()
  self.all:give_back(self)
end

-- The bytes of one reply, of which `head` is there; nil if there is no more.
local function read_reply(stream, head)
  local parts, have = { head }, #head
  while have < 4 do
    local more = stream:read()
    if not more then return nil end
    parts[1], have = parts[1] .. more, have + #more
  end
  local size = ("<I4"):unpack(parts[1])
  if size > REPLY_MAX then return nil end
  while have < 4 + size do
    local more = stream:read()
    if not more then return nil end
    parts[#parts + 1], have = more, have + #more
  end
  return table.concat(parts):sub(5, 4 + size)
end

-- The reply, if it comes so soon that to wait for it would take longer: two switches of processes,
-- and the loop. Nil, and false or what is there of it, if it does not.
local function read_soon(stream)
  local raw, looks = stream.raw, 0
  repeat
    local bytes = raw:try_read()
    looks = looks + 1
    if bytes and #bytes >= 4 and ("<I4"):unpack(bytes) == #bytes - 4 then return bytes:sub(5) end
    if bytes ~= false then return nil, bytes end
  until looks == LOOKS
  return nil, false
end

-- Writes what is left of a request, and waits for its reply, of which `head` is there.
function Worker:wait(request, from, head, deadline_ms)
  local clock <close> = core.timer(deadline_ms, function() -- luacheck: ignore 211
    self.late = true
    self.process:kill(SIGKILL)
  end)
  local left = from > 1 and request:sub(from) or request
  if not self.process.stdin:write(left) then return nil end
  return read_reply(self.process.stdout, head or "")
end

function Worker:exchange(request, deadline_ms)
  if #request > LARGE then -- not copied once more for its size
    if not self.process.stdin:write(("<I4"):pack(#request)) then return nil end
    return self:wait(request, 1, "", deadline_ms)
  end
  local message = ("<s4"):pack(request)
  local sent, bytes, head = self.process.stdin.raw:try_write(message, 1), nil, nil
  if sent == nil then return nil end
  if sent == #message and #message < SOON then bytes, head = read_soon(self.process.stdout) end
  if head == "" or bytes then return bytes end
  return self:wait(message, (sent or 0) + 1, head, deadline_ms)
end

-- Sends a request and waits for its reply, so long. Nil and why, if there is none: then it is dead;
-- and an error, if it never lived. One whose answer is none is killed: it may live on, and has no
-- right to be waited for.
function Worker:ask(request, deadline_ms)
  local begun = core.hrtime()
  self.idle = false
  local bytes = self:exchange(request, deadline_ms)
  local reply = bytes and rules.decode(bytes)
  self.spent = self.spent + core.hrtime() - begun
  if type(reply) == "table" and not self.late then
    self.idle = true
    return reply
  end
  if bytes and not self.late then
    self.process:kill(SIGKILL)
    return nil, "the policy's process gave an answer that is none"
  end
  if self.late then return nil, ("not done within %d ms: it was killed"):format(deadline_ms) end
  local ended, unable = self.process:wait()
  if not ended then return nil, tostring(unable), unable end
  return nil, ended.signal and ("the policy's process was ended by signal %d"):format(ended.signal)
    or ("the policy's process ended with %d"):format(ended.exit_code)
end

function Worker:close()
  self.process:close()
end

-- ---- all of a policy ---------------------------------------------------------------------------

local Workers = { __name = "kavach.attest.script.workers" }
Workers.__index = Workers

function M.new()
  return setmetatable({ free = {}, count = 0, waiters = {} }, Workers)
end

-- Waits until a worker may be free. Who is cancelled meanwhile passes its turn on.
function Workers:await_turn()
  local turn, come = task.event(), false
  table.insert(self.waiters, turn)
  local place <close> = setmetatable({}, { __close = function() -- luacheck: ignore 211
    if come then return end
    for i, other in ipairs(self.waiters) do
      if other == turn then return table.remove(self.waiters, i) end
    end
    self:wake()
  end })
  turn:wait()
  come = true
end

-- A worker, alone for who gets it, until `give_back`; or nil and an error.
function Workers:take()
  while #self.free == 0 and self.count >= WORKERS do self:await_turn() end
  local worker = table.remove(self.free)
  if worker then return worker end
  self.count = self.count + 1
  local started, why = self:start()
  if not started then
    self.count = self.count - 1
    self:wake()
  end
  return started, why
end

function Workers:wake()
  local turn = table.remove(self.waiters, 1)
  if turn then turn:set() end
end

-- One that has loaded the policy, if there is one yet.
function Workers:start()
  local worker, why = start(self)
  if not worker or not self.request then return worker, why end
  local reply
  reply, why = worker:ask(self.request, self.load_ms)
  if reply and reply.policy then return worker end
  worker:close()
  return nil, err.new("io", reply and "the policy does not load any more" or why)
end

function Workers:give_back(worker)
  if worker.idle and worker.spent < SPENT_NS then
    table.insert(self.free, worker)
  else
    worker:close()
    self.count = self.count - 1
  end
  self:wake()
end

-- `worker:ask(…)`, after which the worker is back where it was, whatever is raised meanwhile. Nil
-- and why; with an error if there is no worker.
function Workers:ask(request, deadline_ms)
  local worker <close>, why = self:take()
  if not worker then return nil, tostring(why), why end
  local reply, failure, none = worker:ask(request, deadline_ms)
  return reply, failure, none -- no tail call: the worker is given back behind it
end

--- Loads a policy: the reply; or nil and an error.
---@param request string
---@param data_size integer
function Workers:load(request, data_size)
  self.request = nil
  self.load_ms = M.DEADLINE_MS + START_MS + data_size // BYTES_A_MS
  local reply, why, none = self:ask(request, self.load_ms)
  if none then return nil, err.wrap(none, "the helper program for policies", "io") end
  if not reply then return err.fail("invalid_argument", "the policy cannot be loaded: " .. why) end
  if reply.policy then self.request = request end
  return reply
end

-- Whether a result has the shape that kv_vm_evaluate (core/rules/vm.h) gives it. What a worker says
-- is what a policy says at the worst, but it must not raise an error here.
local function is_result(result)
  if type(result) ~= "table" or type(result.rules) ~= "string"
    or type(result.reasons) ~= "table" then
    return false
  end
  for _, reason in ipairs(result.reasons) do
    local text = type(reason) == "table" and reason[2]
    if type(reason) ~= "table" or math.type(reason[1]) ~= "integer"
      or text ~= nil and type(text) ~= "string" then
      return false
    end
  end
  return true
end

-- The results of a reply, if they are `count`.
local function results_of(reply, count)
  local results = reply and reply.results
  if type(results) ~= "table" or #results ~= count then return nil end
  for _, result in ipairs(results) do
    if not is_result(result) then return nil end
  end
  return results
end

-- A batch that fails is done again, one by one: none is denied for what another did.
local function evaluate(self, views, first, last, out)
  local reply, why = self:ask(view.encode(views, first, last), M.DEADLINE_MS)
  local results = results_of(reply, last - first + 1)
  if results then
    table.move(results, 1, #results, first, out)
  elseif first == last then
    out[first] = { failed = why or tostring(reply.error or "an answer that is none") }
  else
    for i = first, last do evaluate(self, views, i, i, out) end
  end
end

--- What the rules say of each of the views, in order.
---@param views table[]
---@return table[]
function Workers:evaluate(views)
  local out = {}
  for first = 1, #views, BATCH do
    evaluate(self, views, first, math.min(first + BATCH - 1, #views), out)
  end
  return out
end

--- Ends those that nobody uses.
function Workers:close()
  while #self.free > 0 do
    table.remove(self.free):close()
    self.count = self.count - 1
  end
end

return M
