local native = require "support.native"
local pair = require "support.pair"
local wire = require "kavach.sandbox.wire"

local EPERM <const>, EPROTO <const> = 1, 71

-- The last frame with which the agent, run on this machine, answers a NETWORK.
local function answer(channel, payload)
  local near, far = pair.connect()
  local _, ended = native.spawn(near)
  far:write(wire.frame(wire.HELLO, 0, string.pack("<I4", wire.VERSION))
    .. wire.frame(wire.NETWORK, channel, payload))
  local decoder, last = wire.decoder(), nil
  repeat
    local piece = far:read()
    decoder:feed(piece or "")
    for kind, number, bytes in function() return decoder:next() end do
      if kind == wire.FAILED or kind == wire.DONE then
        last = { kind = kind, channel = number, payload = bytes }
      end
    end
  until last or not piece
  far:shutdown()
  repeat until not far:read()
  ended:wait(20000)
  far:close()
  return last
end

local function request(address, bits, gateway, rest)
  return string.pack("<I4I4I4I4", address, bits, gateway, 0) .. rest
end

describe("The agent's network", function()
  it("is only set up in a guest", function()
    local last = answer(1, request(0x0a00020f, 24, 0x0a000202, "10.0.2.2 host\n\0"))
    assert.same({ wire.FAILED, 1 }, { last.kind, last.channel })
    assert.same({ EPERM, "the network interface" }, { wire.parse_failed(last.payload) })
  end)

  it("is not asked for by frames that break the wire's rules", function()
    for _, bad in ipairs {
      { 1, request(0, 24, 1, "\0") }, { 1, request(1, 0, 1, "\0") }, { 1, request(1, 32, 1, "\0") },
      { 1, request(1, 24, 0, "\0") }, { 1, request(1, 24, 1, "no end") },
      { 1, request(1, 24, 1, "\0more") }, { 1, "short" }, { 0, request(1, 24, 1, "\0") },
    } do
      local last = answer(bad[1], bad[2])
      assert.same({ wire.FAILED, 0 }, { last.kind, last.channel })
      assert.equal(EPROTO, (wire.parse_failed(last.payload)))
    end
  end)
end)
