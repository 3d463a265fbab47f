local agent = require "kavach.sandbox.agent"
local command = require "kavach.sandbox.command"
local copy = require "kavach.sandbox.copy"
local core = require "kavach.core"
local err = require "kavach.err"
local feed = require "kavach.sandbox.feed"
local flow = require "kavach.sandbox.flow"
local native = require "support.native"
local noise = require "support.noise"
local pair = require "support.pair"
local standin = require "support.standin"
local task = require "kavach.task"
local wire = require "kavach.sandbox.wire"

local EINVAL <const> = 22

local function u32(n) return string.pack("<I4", n) end

local WELCOME <const> = wire.frame(wire.WELCOME, 0, u32(wire.VERSION) .. u32(0) .. "k\0a\0")

describe("The agent's client, with the real agent,", function()
  local guest
  setup(function() guest = native.open() end)
  teardown(function() guest.close() end)

  it("learns who it talks to", function()
    assert.is_true(guest.agent:wait_ready(core.now() + 5000))
    assert.is_string(guest.agent.kernel)
    assert.is_true(guest.agent:ping(5000))
  end)

  it("runs a shell line and an argv, with their streams apart", function()
    local exit, out, errors = guest.run "echo out; echo err >&2; exit 7"
    assert.same({ 7, "out\n", "err\n" }, { exit.exit_code, out, errors })
    exit, out = guest.run { "printf", "%s|", "a b", "$HOME", "", "new\nline", "it's" }
    assert.same({ 0, "a b|$HOME||new\nline|it's|" }, { exit.exit_code, out })
  end)

  it("passes environment and folder", function()
    local _, out = guest.run("echo $A; pwd", { env = { "A=x y" }, cwd = "/usr" })
    assert.equal("x y\n/usr\n", out)
  end)

  it("says by which signal a command ended", function()
    local exit = guest.run "kill -9 $$"
    assert.equal(9, exit.signal)
  end)

  it("names a program that is not there, and one that cannot be executed", function()
    local exit, why = guest.run { "no-such-program" }
    assert.is_nil(exit)
    assert.same({ "exec_failed", 2, true }, { why.kind, why.errno, why.is_program })
    assert.matches("no-such-program: not found", why.message, 1, true)
    exit, why = guest.run { "/etc/passwd" }
    assert.is_nil(exit)
    assert.same({ 13, true }, { why.errno, why.is_program })
  end)

  it("says which user or group there is not, and no more", function()
    local long = ("x"):rep(200)
    for user, message in pairs {
      ["no such"] = "user no such: not in the guest's /etc/passwd",
      ["nosuch:root"] = "user nosuch: not in the guest's /etc/passwd",
      ["root:nosuch"] = "group nosuch: not in the guest's /etc/group",
      ["0:-1"] = "group -1: not in the guest's /etc/group",
      [long .. "y"] = ("user %s: not in the guest's /etc/passwd"):format(long),
      [("x"):rep(600)] = "user: the name is too long",
    } do
      for _, given in ipairs { "true", { "true" }, { "user" }, { "user nosuch" } } do
        local exit, why = guest.run(given, { user = user })
        assert.is_nil(exit)
        assert.same({ "exec_failed", EINVAL, false, message },
          { why.kind, why.errno, why.is_program, why.message })
      end
    end
    local _, why = guest.run { "user x: y" }
    assert.equal("user x: y: not found in the guest", why.message)
  end)

  it("tells a missing folder from a missing program", function()
    local exit, why = guest.run({ "true" }, { cwd = "/no/such" })
    assert.is_nil(exit)
    assert.is_false(why.is_program)
    assert.matches("/no/such", why.message, 1, true)
  end)

  it("carries any bytes both ways, more than a window of them", function()
    local bytes = {}
    for i = 1, 4000 do bytes[i] = string.char(i % 256):rep(251) end
    bytes = table.concat(bytes)
    local running <close> = guest.start({ "cat" }, { stdin = true })
    running.stdout:collect(#bytes + 1)
    assert(running:write(bytes))
    running:close_stdin()
    assert.equal(0, assert(running:wait(20000)).exit_code)
    local back, truncated = running.stdout:collected()
    assert.is_true(back == bytes)
    assert.is_false(truncated)
  end)

  it("ends a command whose input cannot be read any more, and says so", function()
    local running <close> = guest.start({ "cat" }, { stdin = true })
    running.stdout:collect(100)
    local pieces = { "one\n", "two\n" }
    local source = { read = function()
      if #pieces == 0 then return nil, "the source broke" end
      return table.remove(pieces, 1)
    end }
    local feeder <close> = feed(running, source)
    assert.equal(9, assert(running:wait(20000)).signal)
    assert.equal("standard input: the source broke", feeder.failure.message)
  end)

  it("takes 128 KiB of arguments, and reports what the kernel does not take", function()
    local words = { "sh", "-c", "echo $#", "sh" }
    for i = 1, 128 do words[i + 4] = ("x"):rep(1023) end
    local _, out = guest.run(words)
    assert.equal("128\n", out)
    local exit, why = guest.run { "true", ("x"):rep(131072) }
    assert.is_nil(exit)
    assert.same({ 7, true }, { why.errno, why.is_program })
    local none, too_long = command.start(guest.agent, { argv = { ("x"):rep(wire.MAX) } })
    assert.is_nil(none)
    assert.same({ "exec_failed", 7 }, { too_long.kind, too_long.errno })
  end)

  it("has tools of its own, which need nothing of what commands see", function()
    local exit, out = guest.run({ "busybox", "echo", "a b", "$HOME" },
      { tool = true, env = { "PATH=/no/such" } })
    assert.same({ 0, "a b $HOME\n" }, { exit.exit_code, out })
    exit = guest.run({ "tar", "--no-such-option" }, { tool = true })
    assert.equal(1, exit.exit_code)
    exit = guest.run({ "no-such-applet" }, { tool = true })
    assert.equal(127, exit.exit_code)
  end)

  it("stops only that command whose output nobody takes", function()
    local stuck <close> = guest.start "while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done"
    stuck.stderr:discard()
    -- Until it has used up its credit, which is when it stands still.
    while stuck.stdout.credit > 0 do task.yield() end
    local exit, out = guest.run "seq 100000 | wc -l"
    assert.same({ 0, "100000\n" }, { exit.exit_code, out })
    assert.equal(0, stuck.stdout.credit)
    stuck:kill()
    stuck.stdout:discard()
    assert.equal(9, assert(stuck:wait(10000)).signal)
  end)

  it("fails who writes to a command that reads no more", function()
    local running <close> = guest.start("exec <&-; sleep 60", { stdin = true })
    running.stdout:discard()
    local ok, why
    repeat ok, why = running:write(("x"):rep(65536)) until not ok
    assert.equal("io", why.kind)
    assert.is_nil(running.exit)
  end)

  it("ends what a command has left behind", function()
    local marker = os.tmpname()
    local exit = guest.run(
      ("(sleep 7777 & echo $! >%s) >/dev/null 2>&1; exit 4"):format(marker))
    assert.equal(4, exit.exit_code)
    local pid = tonumber(io.open(marker):read "a")
    os.remove(marker)
    -- It is killed by then, but without a control group to ask it may not be gone yet. (Nor is a
    -- session of its own found without one: vm_spec.lua has that.)
    local over = core.now() + 5000
    while standin.alive(pid) and core.now() < over do task.sleep(5) end
    assert.is_false(standin.alive(pid))
  end)

  it("serves many commands at once", function()
    local sums = {}
    task.scope(function()
      for i = 1, 20 do
        task.spawn(function() sums[i] = select(2, guest.run(("echo %d"):format(i))) end)
      end
    end)
    for i = 1, 20 do assert.equal(i .. "\n", sums[i]) end
    assert.is_false(guest.agent:busy())
  end)

  it("puts and gets files, as they are", function()
    local source, there, back = os.tmpname(), os.tmpname(), os.tmpname()
    local file = assert(io.open(source, "wb"))
    for i = 1, 3000 do file:write(string.char(i % 256):rep(333)) end
    file:close()
    assert(copy.put(guest.agent, source, there, nil, 1))
    assert(copy.get(guest.agent, there, back, nil, 1))
    local same = os.execute(("cmp -s %s %s"):format(source, back))
    for _, path in ipairs { source, there, back } do os.remove(path) end
    assert.is_true(same)
  end)

  it("names the file that cannot be put or got, and leaves nothing of it", function()
    local target = os.tmpname()
    os.remove(target)
    local ok, why = copy.get(guest.agent, "/no/such/file", target, nil, 1)
    assert.is_nil(ok)
    assert.matches("/no/such/file", why.message, 1, true)
    assert.is_nil(io.open(target))
    assert.is_nil(io.open(target .. ".partial"))
    ok, why = copy.put(guest.agent, "/no/such/source", "/tmp/x", nil, 1)
    assert.is_nil(ok)
    assert.matches("/no/such/source", why.message, 1, true)
    ok, why = copy.put(guest.agent, native.program, "/no/such/folder/x", nil, 1)
    assert.is_nil(ok)
    assert.matches("/no/such/folder/x", why.message, 1, true)
  end)

  it("refuses a path that the wire could not carry, and goes on", function()
    for _, path in ipairs { "/" .. ("x"):rep(9000), "/a\0b" } do
      local ok, why = copy.put(guest.agent, native.program, path, nil, 1)
      assert.is_nil(ok)
      assert.equal("invalid_argument", why.kind)
      ok, why = copy.get(guest.agent, path, "/tmp/x", nil, 1)
      assert.is_nil(ok)
      assert.equal("invalid_argument", why.kind)
    end
    local target = os.tmpname()
    local ok, why = copy.get(guest.agent, "/" .. ("x"):rep(4000), target, nil, 1)
    os.remove(target)
    assert.is_nil(ok)
    assert.matches("the name is too long", why.message, 1, true)
    assert.is_true(guest.agent:ping(5000))
  end)

  it("fails what is under way when the agent is gone", function()
    local other = native.open()
    local running = other.start "sleep 60"
    assert(running:wait_started())
    other.child:signal(9)
    local exit, why = running:wait(10000)
    assert.is_nil(exit)
    assert.matches("port was closed", why.message, 1, true)
    assert.is_nil((command.start(other.agent, { argv = { "true" } })))
    other.close()
  end)
end)

describe("The agent, with a host that sends anything,", function()
  it("gives up with a word, and does not crash", function()
    local seed = tonumber(os.getenv "KAVACH_SEED") or os.time()
    math.randomseed(seed)
    local hello, refused = wire.frame(wire.HELLO, 0, u32(wire.VERSION)), 0
    for round = 1, 40 do
      local near, far = pair.connect()
      local ended = task.event()
      local child = assert(core.spawn({
        argv = { native.program, "--socket", "0" }, stdin = near, stdout = "null",
        stderr = "inherit",
      }, function(...) ended:set(...) end))
      near:close()
      local bytes = {}
      for i = 1, math.random(1, 300) do bytes[i] = string.char(math.random(0, 255)) end
      far:write((round % 2 == 0 and hello or "") .. table.concat(bytes))
      far:shutdown()
      local how, code, signal = ended:wait()
      assert.same({ "ended", 0 }, { how, signal }, "seed " .. seed)
      -- 0 if they happen to be the beginning of a frame
      assert.is_true(code == 1 or code == 0, "seed " .. seed)
      refused = refused + code
      child:forget()
      far:close()
    end
    assert.is_true(refused > 20, "seed " .. seed)
  end)
end)

describe("The agent's client, with a guest that lies,", function()
  -- What the client makes of these bytes, once a command is under way on channel 1.
  local function lost_by(bytes, welcome)
    local near, far = pair.connect()
    local lost
    local client = agent.new { on_lost = function(cause) lost = cause end }
    local running = assert(command.start(client, { argv = { "true" } }))
    client:attach(near)
    far:write((welcome or WELCOME) .. bytes)
    far:shutdown()
    local exit, why = running:wait(5000)
    far:close()
    client:lose(err.new("io", "over"))
    return exit, why, lost
  end

  it("answers WELCOME with the time", function()
    local near, far = pair.connect()
    local client = agent.new()
    client:attach(near)
    local before = core.wall_clock()
    far:write(WELCOME)
    local decoder, sent = wire.decoder(wire.FROM_HOST), {}
    local function await(count)
      while #sent < count do
        decoder:feed(assert(far:read()))
        for kind, _, payload in function() return decoder:next() end do
          sent[#sent + 1] = { kind, payload }
        end
      end
    end
    await(3)
    assert.same({ wire.HELLO, wire.CLOCK, wire.PING }, { sent[1][1], sent[2][1], sent[3][1] })
    local time = string.unpack("<I8", sent[2][2])
    assert.is_true(before <= time and time <= core.wall_clock())
    -- If it was long on its way, it is old: another.
    task.sleep(60)
    far:write(wire.frame(wire.PONG, 0, sent[3][2]))
    await(5)
    assert.equal(wire.CLOCK, sent[4][1])
    assert.is_true(string.unpack("<I8", sent[4][2]) >= time + 60000000)
    client:lose(err.new("io", "over"))
    far:close()
  end)

  it("sees through each lie, and says that it was the guest's", function()
    local over = flow.WINDOW // 65536 + 1
    for name, bytes in pairs {
      ["unknown type"] = u32(0) .. u32(1) .. u32(99),
      ["with 1048577 bytes"] = u32(1048577) .. u32(1) .. u32(69),
      ["more standard output"] = wire.frame(wire.STDOUT, 1, ("x"):rep(65536)):rep(over),
      ["more standard error"] = wire.frame(wire.STDERR, 1, ("x"):rep(65536)):rep(over),
      ["WELCOME twice"] = WELCOME,
      ["cut short"] = wire.frame(wire.FAILED, 1, u32(2) .. "no NUL"),
      ["values that do not exist"] = wire.frame(wire.EXIT, 1, ("\255"):rep(32)),
      ["for a command"] = wire.frame(wire.DONE, 1, ("\0"):rep(12)),
      ["for the connection itself"] = wire.frame(wire.STDOUT, 0, "x"),
      ["credit for a stream"] = wire.frame(wire.CREDIT, 1, u32(1) .. u32(5)),
      ["gave up: EPROTO"] = wire.frame(wire.FAILED, 0, u32(71) .. "EPROTO\0"),
    } do
      local exit, why, lost = lost_by(bytes)
      assert.is_nil(exit)
      assert.matches(name, why.message, 1, true)
      assert.matches("the guest broke the agent's protocol", why.message, 1, true)
      assert.equal(why, lost)
    end
  end)

  it("takes nothing before WELCOME, and no other version", function()
    local _, why = lost_by("", wire.frame(wire.STARTED, 1, u32(5)))
    assert.matches("before WELCOME", why.message, 1, true)
    _, why = lost_by("", wire.frame(wire.WELCOME, 0, u32(wire.VERSION + 1) .. u32(0) .. "k\0a\0"))
    assert.matches("speaks version " .. wire.VERSION + 1, why.message, 1, true)
  end)

  it("drops what comes for channels that are no more", function()
    local exit = lost_by(wire.frame(wire.STDOUT, 77, "x")
      .. wire.frame(wire.EXIT, 1, ("\0"):rep(32)) .. wire.frame(wire.STDOUT, 1, "late"))
    assert.equal(0, exit.exit_code)
  end)

  it("survives any bytes at all", function()
    noise.begin()
    for _ = 1, 50 do
      local exit, why = lost_by(noise.bytes(math.random(1, 300)))
      assert.is_nil(exit, noise.said)
      assert.is_true(err.is(why), noise.said)
    end
  end)

  it("finds one that is silent, and names it", function()
    local near, far = pair.connect()
    local client = agent.new { heartbeat_ms = 40 }
    local running = assert(command.start(client, { argv = { "true" } }))
    client:attach(near)
    far:write(WELCOME)
    local exit, why = running:wait(10000)
    assert.is_nil(exit)
    assert.equal("timeout", why.kind)
    assert.matches("has not answered for 40 ms", why.message, 1, true)
    far:close()
  end)

  it("does not call one silent that answers each ping", function()
    local near, far = pair.connect()
    local client = agent.new { heartbeat_ms = 40 }
    client:attach(near)
    far:write(WELCOME)
    local decoder, pings = wire.decoder(wire.FROM_HOST), 0
    while pings < 12 do -- three times what silence is given
      decoder:feed(assert(far:read()))
      for kind, _, payload in function() return decoder:next() end do
        if kind == wire.PING then
          pings = pings + 1
          far:write(wire.frame(wire.PONG, 0, payload))
        end
      end
    end
    assert.is_nil(client.lost)
    client:lose(err.new("io", "over"))
    far:close()
  end)
end)
