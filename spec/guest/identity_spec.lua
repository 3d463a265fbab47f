--- SAVE and IDENTITY, by the agent as it is, run on this machine without a VM: there it changes
--- neither the clock nor any name.

local native = require "support.native"
local pair = require "support.pair"
local setup = require "kavach.sandbox.setup"
local wire = require "kavach.sandbox.wire"

local EBUSY <const>, ECANCELED <const>, EPROTO <const> = 16, 125, 71

local HELLO <const> = wire.frame(wire.HELLO, 0, string.pack("<I4", wire.VERSION))
local SAVE <const> = wire.frame(wire.SAVE, 1)

-- All that the agent says to these frames, as { kind, channel, payload }; then its exit code.
local function talk(...)
  local near, far = pair.connect()
  local _, ended = native.spawn(near)
  local decoder, said = wire.decoder(), {}
  far:write(table.concat { ... })
  far:shutdown()
  for bytes in function() return far:read() end do
    decoder:feed(bytes)
    for kind, channel, payload in function() return decoder:next() end do
      said[#said + 1] = { kind, channel, payload }
    end
  end
  local _, code = ended:wait(20000)
  far:close()
  return said, code
end

local function kinds(said)
  local list = {}
  for i, frame in ipairs(said) do list[i] = frame[1] end
  return list
end

local function identity(channel, payload)
  return wire.frame(wire.IDENTITY, channel, payload or setup.identity("a-name", 0).payload)
end

local function exec(channel)
  return wire.frame(wire.EXEC, channel, assert(wire.exec {
    flags = 0, stdout_credit = 9, stderr_credit = 9, argv = { "true" },
  }))
end

local function of(said, channel)
  local last
  for _, frame in ipairs(said) do
    if frame[2] == channel then last = frame end
  end
  return assert(last)
end

describe("A guest that is to be saved", function()
  it("says when, and then begins anew with HELLO", function()
    local said = talk(SAVE, HELLO)
    assert.same({ wire.DONE, wire.WELCOME }, kinds(said))
  end)

  it("does nothing for anybody before it has an identity", function()
    local said = talk(SAVE, HELLO, exec(2), wire.frame(wire.PUT, 3, string.pack("<I4z", 420, "/x")))
    for channel = 2, 3 do
      assert.equal(wire.FAILED, of(said, channel)[1])
      local errno, what = wire.parse_failed(of(said, channel)[3])
      assert.equal(ECANCELED, errno)
      assert.matches("has no identity yet", what)
    end
  end)

  it("runs commands once it has one", function()
    local said = talk(SAVE, HELLO, identity(2), exec(3))
    assert.equal(wire.DONE, of(said, 2)[1])
    assert.not_equal(wire.FAILED, of(said, 3)[1])
  end)

  it("is saved before it has spoken to anybody, and once", function()
    for _, frames in ipairs { { HELLO, SAVE }, { SAVE, SAVE } } do
      local said = talk(table.unpack(frames))
      local last = said[#said]
      assert.equal(wire.FAILED, last[1])
      assert.equal(0, last[2])
      assert.equal(EPROTO, (wire.parse_failed(last[3])))
    end
  end)
end)

describe("An identity", function()
  it("comes once, and ahead of what runs", function()
    for _, frames in ipairs { { identity(1), identity(2) }, { exec(1), identity(2) } } do
      local said = talk(HELLO, table.unpack(frames))
      assert.equal(wire.FAILED, of(said, 2)[1])
      assert.equal(EBUSY, (wire.parse_failed(of(said, 2)[3])))
    end
  end)

  it("is of the form that it should be, or nothing at all", function()
    local entropy, id = ("e"):rep(64), ("0"):rep(32)
    local function payload(machine, name)
      return string.pack("<I8", 0) .. entropy .. string.pack("<zz", machine, name)
    end
    assert.equal(wire.DONE, of(talk(HELLO, identity(1, payload(id, "h"))), 1)[1])
    for _, wrong in ipairs {
      payload(id:upper():gsub("0", "A"), "h"), payload(("g"):rep(32), "h"), payload(id .. "0", "h"),
      payload(id, "a.b"), payload(id, ("h"):rep(64)), payload(id, "a\nb"), payload(id, "h") .. "x",
    } do
      local said = talk(HELLO, identity(1, wrong))
      assert.equal(wire.FAILED, of(said, 0)[1])
    end
  end)
end)

describe("The step that gives one", function()
  it("is another each time", function()
    assert.not_equal(setup.identity(nil, 0).payload, setup.identity(nil, 0).payload)
  end)

  it("names the guest after the sandbox, where a host can be called so", function()
    local function name(of_sandbox)
      return (select(2, string.unpack("<zz", setup.identity(of_sandbox, 0).payload, 73)))
    end
    assert.equal("web-1", name "web-1")
    for _, other in ipairs { "web_1", "a.b", ("x"):rep(64) } do
      assert.matches("^kavach%-%x%x%x%x%x%x%x%x$", name(other))
    end
    assert.matches("^kavach%-%x+$", name(nil))
  end)
end)
