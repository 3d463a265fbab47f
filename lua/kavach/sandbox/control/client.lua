-- The client's side: connections to hosts, and the sandboxes that they have.

local check = require "kavach.check"
local core = require "kavach.core"
local err = require "kavach.err"
local connection = require "kavach.sandbox.control.connection"
local hosts = require "kavach.sandbox.control.hosts"
local task = require "kavach.task"

local client = {}

-- A host that does not answer within so long is busy: a script that computes, a stopped process.
client.PATIENCE_MS = 1000

---Connects to a socket that a host listens on, and waits until it has said HELLO.
---@param path string
---@param ms? integer at most so long
---@return kavach.control.connection?
---@return kavach.Error? err kind "timeout" if the host is busy
function client.open(path, ms)
  local stream, why = core.connect(path)
  if not stream then return err.fail("io", why, { op = "control" }) end
  local pid, uid = stream:peer()
  if uid ~= core.geteuid() then
    stream:close()
    return err.fail("io", "the host's control socket is not of this user", { op = "control" })
  end
  local made = connection.new(stream, { hello = { kavach = core.version, pid = core.getpid() } })
  local finished, told = pcall(made.changed.until_true, made.changed,
    function() return made.hello or made.lost end, core.now() + (ms or client.PATIENCE_MS))
  if not finished then
    made:close()
    error(told, 0)
  end
  if made.hello and not made.lost then return made end
  local cause = made.lost
    or err.new("timeout", ("process %s is busy: it does not answer"):format(pid or "?"))
  made:close()
  return nil, cause
end

---The same for the control socket that every host has.
---@param host string
---@param ms? integer
---@return kavach.control.connection?
---@return kavach.Error?
function client.connect(host, ms)
  local made, why = client.open(hosts.socket(host), ms)
  if made then made.host = host end
  return made, why
end

---A call whose answer is all that is wanted.
---@param to kavach.control.connection
---@param method string
---@param params? table
---@param ms? integer at most so long
---@return table? result
---@return kavach.Error?
function client.ask(to, method, params, ms)
  local call, why = to:call(method, params)
  if not call then return nil, why end
  return call:wait(ms)
end

-- ---- which sandboxes there are -----------------------------------------------------------------

---@class kavach.control.found
---@field host string
---@field busy? boolean it did not answer in time
---@field sandboxes table[] as the method ps has them

-- nil if the host is gone, or what is there is none.
local function look(host)
  local made <close>, why = client.connect(host)
  local result
  if made then result, why = client.ask(made, "ps", nil, client.PATIENCE_MS) end
  if result then return { host = host, sandboxes = result.sandboxes } end
  -- One that has not taken the connections before this one gives EAGAIN.
  local busy = err.is(why, "timeout") or why.message:find("temporarily unavailable", 1, true)
  return busy and { host = host, busy = true, sandboxes = {} } or false
end

---What every host of this user has, all asked at once.
---@return kavach.control.found[]?
---@return kavach.Error?
function client.look_around()
  local list, why = hosts.list()
  if not list then return err.fail("io", why, { op = "control" }) end
  local found = {}
  for _, each in ipairs(task.map(list, nil, look)) do
    if each then found[#found + 1] = each end
  end
  return found
end

-- ---- one of them -------------------------------------------------------------------------------

local function matches(found, text)
  local exact, begun, names = {}, {}, {}
  for _, each in ipairs(found) do
    for _, box in ipairs(each.sandboxes) do
      local entry = { host = each.host, box = box }
      if box.name == text or box.id == text then exact[#exact + 1] = entry end
      if box.id:sub(1, #text) == text then begun[#begun + 1] = entry end
      names[#names + 1] = box.name or box.id
    end
  end
  return #exact > 0 and exact or begun, names
end

local function not_found(text, found, names)
  local nearest, busy = check.nearest(text, names), 0
  for _, each in ipairs(found) do
    if each.busy then busy = busy + 1 end
  end
  return err.fail("invalid_argument", ("no sandbox '%s'%s; kavach ps lists them%s"):format(text,
    nearest and (" (did you mean '%s'?)"):format(nearest) or "",
    busy > 0 and (" (%d busy processes did not answer)"):format(busy) or ""), { not_found = true })
end

-- A name tells its host, so that no other needs to be asked.
local function by_name(text)
  local holder = text:find "^%w[%w._-]*$" and hosts.holder(text)
  local each = holder and look(holder)
  if each and each.busy then
    return err.fail("timeout", ("'%s' is busy: its process %s does not answer"):format(text,
      holder:match "^%d+"))
  end
  for _, box in ipairs(each and each.sandboxes or {}) do
    if box.name == text then return { host = holder, box = box } end
  end
end

---The sandbox of that name or id, or whose id begins so.
---@param text string
---@return { host: string, box: table }?
---@return kavach.Error?
function client.find(text)
  local named, why = by_name(text)
  if named or why then return named, why end
  local found
  found, why = client.look_around()
  if not found then return nil, why end
  local list, names = matches(found, text)
  if #list == 1 then return list[1] end
  if #list == 0 then return not_found(text, found, names) end
  local ids = {}
  for i, entry in ipairs(list) do ids[i] = entry.box.id end
  return err.fail("invalid_argument", ("'%s' may be each of %s"):format(text,
    table.concat(ids, ", ")))
end

return client
