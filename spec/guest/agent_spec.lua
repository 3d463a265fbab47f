--- The guest's end of the wire, by the agent as it is, run on this machine without a VM, against
--- what a host may make up. No frame here asks for more than harmless commands, and files of a
--- folder of its own.

local host = require "support.host"
local kavach = require "kavach"
local native = require "support.native"
local noise = require "support.noise"
local pair = require "support.pair"
local wire = require "kavach.sandbox.wire"

local function u32(n) return string.pack("<I4", n) end

local HELLO <const> = wire.frame(wire.HELLO, 0, u32(wire.VERSION))

-- What the agent answers to these bytes before it ends or they do: its frames, and its exit code.
-- It is given them in two goes, so that commands of the first end while it reads the second.
local function answer(bytes, more)
  local near, far = pair.connect()
  local _, ended = native.spawn(near)
  local decoder, frames = wire.decoder(), {}
  kavach.scope(function()
    kavach.spawn(function()
      far:write(bytes)
      if more then kavach.sleep(math.random(0, 20)) end
      far:write((more or "") .. wire.frame(wire.PING, 0, "over"))
    end)
    local over
    while not over do
      local piece = far:read()
      decoder:feed(piece or "")
      for kind, channel, payload in function() return decoder:next() end do
        frames[#frames + 1] = { kind = kind, channel = channel, payload = payload }
        over = over or kind == wire.PONG and payload == "over"
      end
      over = over or not piece
    end
    far:shutdown()
    repeat until not far:read()
  end)
  local how, code, signal = ended:wait(20000)
  far:close()
  assert.equal("ended", how, noise.said)
  assert.equal(0, signal, noise.said)
  assert.is_nil(decoder.broken, noise.said)
  return frames, code
end

describe("The agent, with a host that makes things up,", function()
  local folder, remove
  setup(function() folder, remove = host.folder() end)
  teardown(function() remove() end)

  local function path() return folder .. noise.pick { "/a", "/b", "/no/such", "" } .. "\0" end

  -- What begins a channel, and what then fits it.
  local function exec(channel)
    local argv = noise.pick {
      { "cat" }, { "true" }, { "no-such-program" }, { "sleep", "0.01" }, { "seq", "100000" },
      { "echo out; echo err >&2; kill $$" },
    }
    local flags = noise.pick { 0, wire.WANT_STDIN, wire.PTY, wire.WANT_STDIN | wire.PTY }
    flags = flags | (#argv[1] > 20 and wire.SHELL or noise.chance(4) and wire.TOOL or 0)
    return wire.frame(wire.EXEC, channel, assert(wire.exec {
      flags = flags, argv = argv,
      stdout_credit = noise.pick { 0, 1, 65536, 0xffffffff },
      stderr_credit = noise.pick { 0, 1, 65536, 0xffffffff },
      rows = math.random(0, 65535), columns = math.random(0, 65535),
      cwd = noise.chance(8) and "/no/such/folder" or "/",
      user = noise.chance(8) and "nobody:" or "",
      env = { noise.pick { "A=1", "HOME=", "PATH=/usr/bin:/bin" } },
    }))
  end
  local function put(channel) return wire.frame(wire.PUT, channel, u32(420) .. path()) end
  local function get(channel) return wire.frame(wire.GET, channel, noise.u32() .. path()) end

  local function input(channel)
    return wire.frame(wire.STDIN, channel,
      noise.bytes(math.random(1, 50)):rep(noise.pick { 1, 99 }))
  end
  local function no_more(channel) return wire.frame(wire.STDIN, channel) end
  local function credit(channel)
    return wire.frame(wire.CREDIT, channel, u32(math.random(1, 2)) .. noise.u32())
  end
  local function signal(channel)
    return wire.frame(wire.SIGNAL, channel, u32(noise.pick { 0, 1, 15, 65, 0xffffffff }))
  end
  local function resize(channel) return wire.frame(wire.RESIZE, channel, noise.u32()) end
  local function kill(channel) return wire.frame(wire.KILL, channel) end
  local function ping() return wire.frame(wire.PING, 0, noise.bytes(math.random(0, 64))) end

  local fitting = {
    [exec] = { input, input, no_more, credit, credit, signal, resize, kill, ping },
    [put] = { input, input, no_more, credit, kill },
    [get] = { credit, credit, kill },
  }
  local wrong = {
    HELLO, -- the second
    wire.frame(wire.CREDIT, 1, u32(3) .. u32(1)),
    wire.frame(wire.STDIN, 0, "x"),
    wire.frame(wire.PING, 1, "x"),
    wire.frame(wire.PING, 0, ("x"):rep(65)),
    wire.frame(wire.EXEC, 9, ("x"):rep(26)),
    wire.frame(wire.EXEC, 9, u32(0):rep(9)),
    wire.frame(wire.EXEC, 9, assert(wire.exec {
      flags = wire.SHELL | wire.TOOL, stdout_credit = 0, stderr_credit = 0, argv = { "true" },
    })),
    wire.frame(wire.PUT, 9, u32(0) .. "no NUL"),
    wire.frame(wire.LIMITS, 9, u32(0):rep(3)),
    wire.frame(wire.LIMITS, 9, u32(8) .. u32(0):rep(2)),
    wire.frame(wire.LIMITS, 9, u32(wire.LIMIT_CPU) .. u32(999) .. u32(0)),
    wire.frame(wire.LIMITS, 9, u32(wire.LIMIT_PROCESSES) .. u32(0):rep(2)),
    wire.frame(wire.LIMITS, 9, u32(wire.LIMIT_READ_ONLY) .. u32(0) .. u32(1)),
    wire.frame(wire.LIMITS, 0, u32(wire.LIMIT_READ_ONLY) .. u32(0):rep(2)),
    wire.frame(wire.ROOT, 9, u32(3) .. "tag\0\0"),
    wire.frame(wire.ROOT, 9, u32(wire.ROOT_SHARE) .. "\0scratch\0"),
    wire.frame(wire.ROOT, 9, u32(wire.ROOT_OWN) .. "tag\0\0"),
    wire.frame(wire.ROOT, 9, u32(wire.ROOT_SHARE) .. "tag\0no NUL"),
    wire.frame(wire.STDOUT, 1, "from the other end"),
    u32(0xffffffff) .. u32(1) .. u32(wire.STDIN),
    u32(1) .. u32(1) .. u32(wire.STDIN | 0x100) .. "x",
    u32(0) .. u32(0) .. u32(99),
  }

  -- Half of a conversation: `channels` are those that it has begun so far.
  local function talk(channels)
    local frames = {}
    for i = 1, math.random(1, 15) do
      if #channels == 0 or noise.chance(3) then
        channels[#channels + 1] = noise.pick { exec, exec, put, get }
        frames[i] = channels[#channels](#channels)
      else
        local channel = math.random(#channels)
        frames[i] = noise.pick(fitting[channels[channel]])(channel)
      end
    end
    if noise.chance(8) then frames[#frames + 1] = noise.pick(wrong) end
    return table.concat(frames)
  end

  it("breaks off at each thing that is wrong", function()
    local running = wire.frame(wire.EXEC, 1, assert(wire.exec {
      flags = 0, stdout_credit = 1, stderr_credit = 1, argv = { "sleep", "60" },
    }))
    for i, bytes in ipairs(wrong) do
      local frames, code = answer(HELLO .. running .. bytes)
      local last = frames[#frames]
      assert.same({ i, wire.FAILED, 0, 1 }, { i, last.kind, last.channel, code })
    end
  end)

  it("survives any conversation", function()
    noise.begin()
    local broken, whole = 0, 0
    for _ = 1, 50 do
      local channels = {}
      local frames, code = answer(HELLO .. talk(channels), talk(channels))
      assert.equal(wire.WELCOME, frames[1].kind, noise.said)
      local complains = false
      for _, frame in ipairs(frames) do
        complains = complains or frame.kind == wire.FAILED and frame.channel == 0
      end
      assert.equal(complains and 1 or 0, code, noise.said)
      broken, whole = broken + code, whole + 1 - code
    end
    -- Both happen, or it would prove nothing.
    assert.is_true(broken > 2 and whole > 2,
      ("%s: %d broken, %d whole"):format(noise.said, broken, whole))
  end)

  it("takes nothing before HELLO", function()
    local frames, code = answer(wire.frame(wire.PING, 0, "x"))
    assert.equal(1, #frames)
    assert.same({ wire.FAILED, 0, 1 }, { frames[1].kind, frames[1].channel, code })
  end)

  it("leaves no command behind", function()
    local marker = host.marker()
    answer(HELLO .. wire.frame(wire.EXEC, 1, assert(wire.exec {
      flags = 0, stdout_credit = 1, stderr_credit = 1, argv = { "sleep", marker },
    })))
    assert.is_true(host.gone(marker))
  end)
end)

describe("The agent, with a host that reads more slowly than it writes,", function()
  local folder, remove
  setup(function() folder, remove = host.folder() end)
  teardown(function() remove() end)

  -- Streams fill the port again and again, and often the host has made room before the agent has
  -- gone to sleep: channels that wait for credit, of a file that is slow to look at, see to that.
  it("sleeps only if an event will wake it", function()
    local STREAMS <const>, SIZE <const> = 32, 256 * 1024
    host.write(folder .. "/file", ("x"):rep(SIZE))
    local asked = { HELLO }
    for channel = 1, 256 do
      asked[#asked + 1] = wire.frame(wire.GET, channel, channel <= STREAMS
        and u32(SIZE) .. folder .. "/file\0" or u32(0) .. "/proc/stat\0")
    end
    local near, far = pair.connect()
    local child, ended = native.spawn(near)
    far:write(table.concat(asked))
    local decoder, size, over = wire.decoder(), 0, 0
    kavach.deadline(10000, function()
      while over < STREAMS do
        decoder:feed(assert(far:read()))
        for kind, _, payload in function() return decoder:next() end do
          if kind == wire.STDOUT then size = size + #payload end
          if kind == wire.DONE then over = over + 1 end
        end
      end
    end)
    far:close()
    ended:wait(10000)
    child:forget()
    assert.same({ STREAMS, STREAMS * SIZE }, { over, size })
  end)
end)
