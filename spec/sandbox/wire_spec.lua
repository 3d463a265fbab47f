local noise = require "support.noise"
local wire = require "kavach.sandbox.wire"

-- The layouts, written out by hand from core/guest/wire.h.
local function u16(n) return string.char(n & 255, n >> 8 & 255) end
local function u32(n) return u16(n & 0xffff) .. u16(n >> 16 & 0xffff) end

local KINDS = {}
for kind in pairs(wire.FROM_AGENT) do KINDS[#KINDS + 1] = kind end
table.sort(KINDS) -- or a seed would not give the same again

local OUTPUT <const> = { [wire.STDOUT] = true, [wire.STDERR] = true }

-- Takes all that the decoder has. The parts that a frame of output may come in are joined with
-- what went before on their channel.
local function take_frames(decoder, frames)
  while true do
    local kind, channel, payload = decoder:next()
    if not kind then return channel end
    local before = frames[#frames]
    if before and OUTPUT[kind] and before[1] == kind and before[2] == channel then
      before[3] = before[3] .. payload
    else
      frames[#frames + 1] = { kind, channel, payload }
    end
  end
end

-- Feeds the bytes in pieces of random size, or of `least` at least, as a reader does: at most as
-- many as are wanted, if it asks. Gives all frames, and the error if there was one.
local function decode_in_pieces(bytes, most, least, asks)
  local decoder, frames, at = wire.decoder(), {}, 1
  while at <= #bytes do
    local size = math.random(least or 1, most)
    if asks then size = decoder:wanted(size) end
    decoder:feed(bytes:sub(at, at + size - 1))
    at = at + size
    local why = take_frames(decoder, frames)
    if why then return frames, why end
  end
  return frames
end

describe("The wire", function()
  describe("encodes", function()
    it("a header of twelve bytes before the payload", function()
      assert.equal(u32(4) .. u32(0) .. "\1\0\0\0" .. u32(1), wire.frame(wire.HELLO, 0, u32(1)))
      assert.equal(u32(0) .. u32(0xfffffffe) .. "\7\0\0\0", wire.frame(wire.KILL, 0xfffffffe))
    end)

    it("a command with everything there is to say of it", function()
      local payload = assert(wire.exec {
        flags = wire.SHELL | wire.PTY, stdout_credit = 262144, stderr_credit = 7,
        rows = 24, columns = 300, cwd = "/tmp", user = "nobody:", argv = { "echo hi" },
        env = { "A=1", "B=" },
      })
      assert.equal(u32(5) .. u32(262144) .. u32(7) .. u16(24) .. u16(300) .. u32(1) .. u32(2)
        .. "/tmp\0nobody:\0echo hi\0A=1\0B=\0", payload)
    end)

    it("no command that is longer than a frame", function()
      local payload, why = wire.exec {
        flags = 0, stdout_credit = 1, stderr_credit = 1, argv = { ("x"):rep(wire.MAX) },
      }
      assert.is_nil(payload)
      assert.matches("1048576 is the most", why, 1, true)
    end)
  end)

  describe("decodes", function()
    it("any frames from any cut of their bytes", function()
      noise.begin()
      local kinds = { wire.STDOUT, wire.STDERR, wire.PONG, wire.FAILED }
      for _ = 1, 50 do
        local sent, bytes = {}, {}
        for i = 1, math.random(1, 12) do
          local kind = kinds[math.random(#kinds)]
          local most = kind == wire.PONG and 64 or 5000
          local payload = noise.bytes(math.random(kind == wire.FAILED and 5 or 1, most))
          sent[i] = { kind, math.random(0, 0xffffffff), payload }
          bytes[i] = wire.frame(kind, sent[i][2], payload)
        end
        for _, asks in ipairs { false, true } do
          local got, why = decode_in_pieces(table.concat(bytes), math.random(1, 4000), nil, asks)
          assert.is_nil(why, noise.said)
          assert.same(sent, got, noise.said)
        end
      end
    end)

    it("output as it comes, and everything else whole", function()
      local decoder = wire.decoder()
      decoder:feed(wire.frame(wire.STDOUT, 7, "abcdef"):sub(1, -4))
      assert.same({ wire.STDOUT, 7, "abc" }, { decoder:next() })
      assert.is_nil(decoder:next())
      assert.equal(3, decoder:wanted(100))
      assert.equal(2, decoder:wanted(2))
      decoder:feed("def" .. wire.frame(wire.PONG, 0, "pong"):sub(1, -2))
      assert.same({ wire.STDOUT, 7, "def" }, { decoder:next() })
      assert.is_nil(decoder:next())
      assert.equal(100, decoder:wanted(100))
      decoder:feed "g"
      assert.same({ wire.PONG, 0, "pong" }, { decoder:next() })
    end)

    it("the largest frame from single bytes in linear time", function()
      local frame = wire.frame(wire.FAILED, 1, u32(0) .. ("x"):rep(wire.MAX - 5) .. "\0")
      local decoder = wire.decoder()
      local before = os.clock()
      for i = 1, #frame - 1 do
        decoder:feed(frame:sub(i, i))
        if i % 1000 == 0 then assert.is_nil(decoder:next()) end
      end
      decoder:feed(frame:sub(-1))
      local kind, _, payload = decoder:next()
      assert.equal(wire.FAILED, kind)
      assert.equal(wire.MAX, #payload)
      -- Joining at each step would copy a terabyte.
      assert.is_true(os.clock() - before < 10)
    end)
  end)

  describe("refuses", function()
    local function refusal(bytes, types)
      local decoder = wire.decoder(types)
      decoder:feed(bytes)
      local kind, why = decoder:next()
      assert.is_nil(kind)
      return why, decoder
    end

    it("a frame of a type that is not the agent's", function()
      assert.matches("unknown type 0x2", refusal(wire.frame(wire.EXEC, 1, ("x"):rep(26))), 1, true)
      assert.matches("unknown type 0x48", refusal(u32(0) .. u32(1) .. u32(72)), 1, true)
    end)

    it("a header whose last three bytes are not zero", function()
      assert.matches("unknown type 0x1000042",
        refusal(u32(1) .. u32(1) .. "\66\0\0\1" .. "x"), 1, true)
    end)

    it("a length over the limit before the payload is there", function()
      local why, decoder = refusal(u32(wire.OUTPUT_MAX + 1) .. u32(1) .. u32(wire.STDOUT))
      assert.matches("type 66 with 262145 bytes", why, 1, true)
      assert.equal(0, decoder.size)
      why = refusal(u32(0xffffffff) .. u32(0) .. u32(69))
      assert.matches("type 69 with 4294967295", why, 1, true)
    end)

    it("output without a byte, and fixed frames of another size", function()
      assert.is_string(refusal(wire.frame(wire.STDOUT, 1, "")))
      assert.is_string(refusal(wire.frame(wire.STARTED, 1, "xxx")))
      assert.is_string(refusal(wire.frame(wire.EXIT, 1, ("x"):rep(33))))
    end)

    it("everything behind the first mistake", function()
      local why, decoder = refusal(u32(0) .. u32(1) .. u32(255))
      decoder:feed(wire.frame(wire.PONG, 0, ""))
      local kind, again = decoder:next()
      assert.is_nil(kind)
      assert.equal(why, again)
      assert.equal(0, decoder.size)
    end)

    it("or takes what is nearly right, the same however it is cut", function()
      noise.begin()
      local taken, refused = 0, 0
      for _ = 1, 1000 do
        local bytes = {}
        for i = 1, math.random(1, 8) do
          local kind = noise.pick(KINDS)
          local limits = wire.FROM_AGENT[kind]
          local size = math.random(limits[1], math.min(limits[2], limits[1] + 200))
          bytes[i] = wire.frame(kind, math.random(0, 0xffffffff), noise.bytes(size))
        end
        bytes = noise.mutate(table.concat(bytes))
        local whole, why = decode_in_pieces(bytes, #bytes, #bytes)
        local cut, again = decode_in_pieces(bytes, 40)
        assert.same(whole, cut, noise.said)
        assert.equal(why, again, noise.said)
        for _, frame in ipairs(whole) do
          local limits = wire.FROM_AGENT[frame[1]]
          assert.is_true(#frame[3] >= limits[1] and #frame[3] <= limits[2], noise.said)
        end
        taken, refused = taken + #whole, refused + (why and 1 or 0)
      end
      -- Both happen, or it would prove nothing.
      assert.is_true(taken > 1000 and refused > 100 and refused < 900, noise.said)
    end)

    it("random bytes, without a Lua error", function()
      noise.begin()
      local refused = 0
      for _ = 1, 2000 do
        local _, why = decode_in_pieces(noise.bytes(math.random(12, 200)), 64)
        refused = refused + (why and 1 or 0)
      end
      assert.is_true(refused > 1900, noise.said)
    end)
  end)

  describe("reads a payload", function()
    it("that is whole", function()
      assert.same({ 1, "6.1.0", "0.1.0" },
        { wire.parse_welcome(u32(1) .. u32(0) .. "6.1.0\0" .. "0.1.0\0") })
      assert.same({ 2, "nope" }, { wire.parse_failed(u32(2) .. "nope\0") })
      assert.same({ 420, 5 }, { wire.parse_done(u32(420) .. u32(5) .. u32(0)) })
      assert.same({ exit_code = 3, oom_killed = true, cpu_ms = 1, max_rss_kb = 9 },
        wire.parse_exit(u32(3) .. u32(0) .. u32(1) .. u32(0) .. u32(1500) .. u32(0) .. u32(9)
          .. u32(0)))
      local killed = wire.parse_exit(u32(0) .. u32(9) .. ("\0"):rep(24))
      assert.same({ 137, 9 }, { killed.exit_code, killed.signal })
    end)

    it("but not one that is cut short, too long, or without its NUL", function()
      local whole = u32(1) .. u32(0) .. "6.1.0\0" .. "0.1.0\0"
      for cut = 0, #whole - 1 do assert.is_nil((wire.parse_welcome(whole:sub(1, cut)))) end
      assert.is_nil((wire.parse_welcome(whole .. "x")))
      assert.is_nil((wire.parse_failed(u32(2) .. "nope")))
    end)

    it("but no exit status that cannot be", function()
      local function exit(code, signal, flags, zero)
        return wire.parse_exit(u32(code) .. u32(signal) .. u32(flags) .. u32(zero)
          .. ("\0"):rep(16))
      end
      assert.is_table(exit(255, 64, 1, 0))
      assert.is_nil((exit(256, 0, 0, 0)))
      assert.is_nil((exit(0, 65, 0, 0)))
      assert.is_nil((exit(0, 0, 2, 0)))
      assert.is_nil((exit(0, 0, 0, 1)))
    end)

    it("whose numbers are beyond a signed integer as zero", function()
      local exit = wire.parse_exit(("\0"):rep(16) .. ("\255"):rep(16))
      assert.equal(0, exit.cpu_ms)
      assert.equal(0, exit.max_rss_kb)
    end)

    it("of random bytes without a Lua error", function()
      noise.begin()
      for _ = 1, 2000 do
        local bytes = noise.bytes(math.random(0, 40))
        for _, parse in ipairs { "welcome", "started", "credit", "exit", "failed", "done" } do
          assert.has_no.errors(function() wire["parse_" .. parse](bytes) end)
        end
      end
    end)
  end)
end)
