-- A server for specs: lua5.4 http_server.lua PLAN LOG. It listens on 127.0.0.1, prints its port,
-- and lives until its standard input ends. PLAN is a Lua file that returns
--
--   { ["/path?query"] = { answer, answer… }, … }
--
-- Of each path, one answer after the other, the last again and again; "*" is for all other paths.
-- An answer: status, headers (a list of lines), body; or `how`, something that goes wrong:
--
--   "silent"   nothing is ever sent
--   "cut"      the connection ends in the middle of the body
--   "endless"  a body without an end, as fast as it is taken
--   "trickle"  the first bytes of a body, and no more
--   "junk"     `body` is sent as it is, without a head
--
-- Each request is a line of LOG before it is answered: its target. A target with a host (a proxy is
-- asked so) is looked up without it.

local uv = require "luv"

local plan, log = dofile(arg[1]), assert(io.open(arg[2], "a"))
log:setvbuf "no"

local taken = {}

local function answer_of(target)
  local path = target:match "^%a+://[^/]*(/.*)$" or target
  local list = plan[path] or plan["*"]
  if not list then return { status = 404, body = "no such thing" } end
  taken[path] = math.min((taken[path] or 0) + 1, #list)
  return list[taken[path]]
end

local function head_of(answer, size)
  local lines = { ("HTTP/1.1 %d x"):format(answer.status or 200), "Connection: close" }
  if size then lines[#lines + 1] = ("Content-Length: %d"):format(size) end
  for _, line in ipairs(answer.headers or {}) do lines[#lines + 1] = line end
  return table.concat(lines, "\r\n") .. "\r\n\r\n"
end

local function finish(client)
  if not client:is_closing() then client:close() end
end

local function send(client, bytes, after)
  client:write(bytes, function(failed)
    if failed then return finish(client) end
    after()
  end)
end

local function pour(client)
  send(client, ("x"):rep(65536), function() pour(client) end)
end

local WAYS = {
  silent = function() end,
  junk = function(client, answer)
    send(client, answer.body, function() finish(client) end)
  end,
  cut = function(client, answer)
    send(client, head_of(answer, #answer.body + 100) .. answer.body, function() finish(client) end)
  end,
  endless = function(client, answer)
    send(client, head_of(answer), function() pour(client) end)
  end,
  trickle = function(client, answer)
    send(client, head_of(answer, 1000) .. (answer.body or "x"), function() end)
  end,
}

local function reply(client, target)
  log:write(target, "\n")
  local answer = answer_of(target)
  if answer.how then return WAYS[answer.how](client, answer) end
  local body = answer.body or ""
  send(client, head_of(answer, #body) .. body, function() finish(client) end)
end

local function serve(client)
  local got = ""
  client:read_start(function(failed, bytes)
    if failed or not bytes then return finish(client) end
    got = got .. bytes
    if got:find("\r\n\r\n", 1, true) then
      client:read_stop()
      reply(client, (got:match "^%u+ (%S+)"))
    end
  end)
end

local server = uv.new_tcp()
assert(server:bind("127.0.0.1", 0))
assert(server:listen(64, function(failed)
  assert(not failed, failed)
  local client = uv.new_tcp()
  server:accept(client)
  serve(client)
end))
io.stdout:write(server:getsockname().port, "\n")
io.stdout:flush()

local input = uv.new_pipe()
input:open(0)
input:read_start(function(failed, bytes)
  if failed or not bytes then os.exit(0) end
end)
uv.run()
