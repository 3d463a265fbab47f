local client_of = require "kavach.sandbox.control.client"
local control = require "support.control"
local core = require "kavach.core"
local frame = require "kavach.sandbox.control.frame"
local host = require "support.host"
local hosts = require "kavach.sandbox.control.hosts"
local kavach = require "kavach"
local program = require "support.program"
local remote = require "kavach.sandbox.control.command"
local server = require "kavach.sandbox.control.server"
local stream = require "kavach.stream"
local task = require "kavach.task"
local waiters = require "kavach.sandbox.waiters"

local HELLO <const> = frame.encode(frame.HELLO, 0,
  frame.message { protocol = frame.PROTOCOL, version = frame.VERSION })

--- What a method of a spec has seen.
local seen

local function copy(from, to)
  for bytes in function() return from:read() end do
    if not to:write(bytes) then return end
  end
end

server.register("spec.echo", {
  params = { text = "string", n = { type = "integer", min = 1 } },
  run = function(params, call)
    copy(call.input, call.output)
    call.errors:write "end"
    return params
  end,
})
server.register("spec.flood", { run = function(_, call)
  seen.call = call
  while call.output:write(("x"):rep(10000)) do seen.written = (seen.written or 0) + 10000 end
  return {}
end })
server.register("spec.wait", { run = function(_, call)
  local _ <close> = setmetatable({}, { __close = function() seen.ended = true end })
  call:on_note(function(note)
    if note.ping then call:note { pong = note.ping } end
  end)
  seen.waits = true
  kavach.sleep(60000)
  return {}
end })
server.register("spec.raise", { run = function() error("the method is broken", 0) end })
server.register("spec.nothing", { run = function() end })
server.register("spec.deep", { run = function() return { f = print } end })

describe("a control connection", function()
  local served, client

  before_each(function()
    seen = {}
    served = control.serve()
    client = served.connect()
  end)

  after_each(function() served.close() end)

  local function ask(method, params) return assert(client:call(method, params)):wait(10000) end

  it("begins with what each side is", function()
    assert.same({ protocol = "kavach-control", version = 1, kavach = core.version,
      pid = core.getpid(), serves = true }, client.hello)
  end)

  it("carries calls and their streams", function()
    local call = assert(client:call("spec.echo", { text = "\255", n = 3 }))
    assert(call.input:write "hello ")
    assert(call.input:write "there")
    call.input:close()
    assert.same({ text = "\255", n = 3 }, call:wait(10000))
    local said = {}
    for bytes in function() return call.output:read() end do said[#said + 1] = bytes end
    assert.equal("hello there", table.concat(said))
    assert.equal("end", call.errors:read())
  end)

  it("carries many calls at once, and megabytes", function()
    local text = ("0123456789abcdef"):rep(300000)
    kavach.map({ 1, 2, 3 }, nil, function(n)
      local call = assert(client:call("spec.echo", { n = n }))
      kavach.spawn(function()
        assert(call.input:write(text))
        call.input:close()
      end)
      local said = {}
      for bytes in function() return call.output:read() end do said[#said + 1] = bytes end
      assert.is_true(table.concat(said) == text)
      assert.same({ n = n }, call:wait(10000))
    end)
  end)

  it("holds no more than a window for who does not read", function()
    local call = assert(client:call "spec.flood")
    assert.is_true(host.eventually(function()
      return seen.call and seen.call.output.credit == 0
    end))
    assert.is_true(seen.written <= frame.WINDOW)
    local count = 0
    while count < 3 * frame.WINDOW do count = count + #call.output:read() end
    call:cancel()
    assert.equal("cancelled", select(2, call:wait(10000)).kind)
  end)

  it("carries notes, both ways", function()
    local call, pong = assert(client:call "spec.wait"), task.event()
    call:on_note(function(note) pong:set(note.pong) end)
    call:note { ping = "x" }
    assert.equal("x", pong:wait(10000))
  end)

  it("ends a method of which no more is wanted", function()
    local call = assert(client:call "spec.wait")
    assert.is_true(host.eventually(function() return seen.waits end))
    call:cancel()
    assert.equal("cancelled", select(2, call:wait(10000)).kind)
    assert.is_true(seen.ended)
  end)

  it("ends the methods of a client that is gone", function()
    assert(client:call "spec.wait")
    assert.is_true(host.eventually(function() return seen.waits end))
    client:close()
    assert.is_true(host.eventually(function() return seen.ended end))
    assert.same({}, served.server.connections)
  end)

  it("ends the calls of a host that is gone", function()
    local call = assert(client:call "spec.wait")
    assert.is_true(host.eventually(function() return seen.waits end))
    served.server:close(0)
    assert.equal("io", select(2, call:wait(10000)).kind)
    assert.equal("io", select(2, client:call "spec.echo").kind)
  end)

  it("names the nearest of a method that there is not", function()
    local _, why = ask "spec.ehco"
    assert.equal("unknown method 'spec.ehco' (did you mean 'spec.echo'?)", why.message)
  end)

  it("names what is wrong with the parameters", function()
    local function wrong(params) return select(2, ask("spec.echo", params)).message end
    assert.equal("spec.echo: unknown option 'txt' (did you mean 'text'?)", wrong { txt = 1 })
    assert.matches("text must be a string", wrong { text = 1 }, 1, true)
    assert.matches("n must be an integer, at least 1", wrong { n = 0 }, 1, true)
    assert.matches("a table", select(2, client:call("spec.echo", "text"):wait(10000)).message)
  end)

  it("tells what a method raises, and goes on", function()
    assert.equal("the method is broken", select(2, ask "spec.raise").message)
    assert.matches("no result", select(2, ask "spec.nothing").message, 1, true)
    assert.matches("no JSON form", select(2, ask "spec.deep").message, 1, true)
    assert.equal("invalid_argument", select(2, ask "spec.raise").kind)
    assert.is_nil(client.lost)
  end)

  it("refuses too many calls at once", function()
    local calls = {}
    for i = 1, 257 do calls[i] = assert(client:call "spec.wait") end
    assert.matches("more than 256 calls", select(2, calls[257]:wait(10000)).message, 1, true)
  end)

  describe("is closed to", function()
    local function refused(bytes)
      local raw = served.raw()
      assert(raw:write(bytes))
      local ended = task.event()
      local reader = kavach.spawn(function()
        raw:read_all()
        ended:set(true)
      end)
      local over = ended:wait(5000)
      reader:cancel()
      return over == true
    end

    local CALL <const> = frame.encode(frame.CALL, 1, '{"method":"spec.flood"}')

    for what, bytes in pairs {
      ["what is no frame"] = "GET / HTTP/1.1\r\n\r\n",
      ["who calls before HELLO"] = CALL,
      ["another protocol"] = frame.encode(frame.HELLO, 0, '{"protocol":"x","version":1}'),
      ["another version"] = frame.encode(frame.HELLO, 0,
        '{"protocol":"kavach-control","version":2}'),
      ["a version that is none"] = frame.encode(frame.HELLO, 0,
        '{"protocol":"kavach-control","version":{}}'),
      ["two HELLOs"] = HELLO .. HELLO,
      ["a HELLO that is no JSON"] = frame.encode(frame.HELLO, 0, "{{"),
      ["a call that is no JSON"] = HELLO .. frame.encode(frame.CALL, 1, "[]"),
      ["a call on the connection itself"] = HELLO .. frame.encode(frame.CALL, 0, "{}"),
      ["a call on a channel in use"] = HELLO .. CALL .. CALL,
      ["an answer to no question"] = HELLO .. CALL .. frame.encode(frame.DONE, 1, '{"result":{}}'),
      ["data on the connection itself"] = HELLO .. frame.encode(frame.DATA, 0, "\0x"),
      ["data of a stream of the host's"] = HELLO .. CALL .. frame.encode(frame.DATA, 1, "\1x"),
      ["data of no stream"] = HELLO .. CALL .. frame.encode(frame.DATA, 1, "\9x"),
      ["data behind its end"] = HELLO .. CALL .. frame.encode(frame.DATA, 1, "\0")
        .. frame.encode(frame.DATA, 1, "\0x"),
      ["more data than there was credit for"] = HELLO .. CALL
        .. frame.encode(frame.DATA, 1, "\0" .. ("x"):rep(frame.DATA_MAX)):rep(33),
      ["more credit than the window has"] = HELLO .. CALL
        .. frame.encode(frame.CREDIT, 1, string.pack("<BI4", 1, 0xffffffff)),
      ["credit for a stream of its own"] = HELLO .. CALL
        .. frame.encode(frame.CREDIT, 1, string.pack("<BI4", 0, 1)),
      ["notes without end to who does not listen"] = HELLO .. CALL
        .. frame.encode(frame.NOTE, 1, "{}"):rep(65),
    } do
      it(what, function()
        assert.is_true(refused(bytes))
        assert.same({ n = 1 }, (function()
          local call = assert(client:call("spec.echo", { n = 1 }))
          call.input:close()
          return call:wait(10000)
        end)())
      end)
    end

    it("more than 64 at once", function()
      local list = {}
      for i = 1, 63 do list[i] = served.connect() end
      assert.is_nil(list[63].lost)
      assert.is_table(served.connect().lost)
      list[1]:close()
      assert.is_true(host.eventually(function() return not served.connect().lost end))
    end)

    it("another user", function()
      if core.geteuid() ~= 0 then pending "only root can be another user" return end
      -- The folder and the mode of the socket would do for that, too: both are opened here.
      local script = host.write(served.folder .. "/script.lua", ([[
        local stream = require "kavach.stream"
        local socket = assert(stream.connect %q)
        print(#assert(socket:read_all()))
      ]]):format(served.path))
      os.execute(("chmod 755 %s; chmod 666 %s"):format(served.folder, served.path))
      local function run(argv)
        table.move({ program.absolute, script }, 1, 2, #argv + 1, argv)
        local r = assert(kavach.process.exec(argv))
        return r.exit_code, r.stdout
      end
      local user = { "timeout", "2", "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups" }
      local may = table.move(user, 1, #user, 1, {})
      table.move({ "test", "-x", program.absolute }, 1, 3, #may + 1, may)
      if assert(kavach.process.exec(may)).exit_code ~= 0 then
        pending "others cannot run this build"
        return
      end
      assert.same({ 0, "0\n" }, { run(user) })
      assert.equal(124, (run { "timeout", "2" })) -- this user is greeted, and stays connected
    end)
  end)

  it("survives any bytes at all behind HELLO", function()
    math.randomseed(11)
    for _ = 1, 60 do
      local raw, parts = served.raw(), { HELLO }
      for i = 2, math.random(8) do
        local payload = {}
        for j = 1, math.random(0, 12) do payload[j] = string.char(math.random(0, 255)) end
        parts[i] = frame.encode(math.random(0, 8), math.random(0, 3),
          math.random() < 0.5 and '{"method":"spec.echo"}' or table.concat(payload))
      end
      assert(raw:write(table.concat(parts)))
      raw:close()
    end
    assert.is_true(host.eventually(function() return served.server.count == 1 end))
    assert.is_nil(client.lost)
  end)
end)

describe("a client of a host", function()
  it("leaves no connection behind when it is called off before the host has answered", function()
    local path = hosts.socket "0-0"
    local listener = assert(core.listen(path))
    local connecting = task.spawn(client_of.connect, "0-0", 60000)
    task.yield()
    connecting:cancel()
    local ok, why = connecting:await()
    assert.same({ nil, "cancelled" }, { ok, why.kind })
    local peer <close> = stream.wrap(assert(listener:try_accept()), "the client")
    listener:close()
    os.remove(path)
    local said = assert(kavach.deadline(5000, function() return peer:read_all() end))
    assert.matches(frame.PROTOCOL, said, 1, true)
  end)

  it("sends its commands signals by name, and refuses what is none", function()
    local notes = {}
    local call = {
      changed = waiters.new(), on_note = function() end,
      note = function(_, note) notes[#notes + 1] = note.signal end,
    }
    local running = assert(remote.start({ call = function() return call end }, {}))
    running:signal()
    running:signal "usr1"
    running:kill()
    running:kill "SIGTERM"
    assert.same({ 15, 10, 9, 15 }, notes)
    assert.error_matches(function() running:signal "TREM" end, "did you mean 'TERM'?", 1, true)
    assert.error_matches(function() running:kill(0) end, "from 1 to 64", 1, true)
    assert.equal(4, #notes)
  end)
end)
