local native = require "support.native"
local pair = require "support.pair"
local wire = require "kavach.sandbox.wire"

local EPERM <const>, EPROTO <const>, ECANCELED <const> = 1, 71, 125

-- The frame with which the agent, run on this machine, answers a NETWORK; and the one with which it
-- answers what was sent behind that, if anything was.
local function answer(channel, payload, behind)
  local near, far = pair.connect()
  local _, ended = native.spawn(near)
  far:write(wire.frame(wire.HELLO, 0, string.pack("<I4", wire.VERSION))
    .. wire.frame(wire.NETWORK, channel, payload) .. (behind or ""))
  local decoder, answers = wire.decoder(), {}
  repeat
    local piece = far:read()
    decoder:feed(piece or "")
    for kind, number, bytes in function() return decoder:next() end do
      if kind == wire.FAILED or kind == wire.DONE then
        answers[#answers + 1] = { kind = kind, channel = number, payload = bytes }
      end
    end
  until #answers == (behind and 2 or 1) or not piece
  far:shutdown()
  repeat until not far:read()
  ended:wait(20000)
  far:close()
  return answers[1], answers[2]
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

  it("lets nothing begin if it could not be set up", function()
    local _, refused = answer(1, request(0x0a00020f, 24, 0x0a000202, "\0"),
      wire.frame(wire.GET, 2, string.pack("<I4z", 100, "/etc/passwd")))
    assert.same({ wire.FAILED, 2 }, { refused.kind, refused.channel })
    assert.same({ ECANCELED, "the guest could not be set up" },
      { wire.parse_failed(refused.payload) })
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
